import { expect, test } from '@jest/globals';
import { faultsOf, readScrapes } from './promql.ts';

const scraped = readScrapes([
  '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{code="OK",method="a{b}"} 1\nused 2\n',
  'calls_total{reason="x"} 0\nlate_bucket{le="1"} 5\n',
]);

test.each([
  'sum by (job, code) (rate(calls_total{code!="OK",method=~".*[Ww]atch.*"}[5m])) / used > 0.5',
  'histogram_quantile(0.99, sum by (le) (rate(late_bucket{job="x"}[$__rate_interval])))',
  'up{job="edge"} == 0 and on (instance) used > 1e3',
  'sum by (reason) (increase(calls_total[1h]))',
])('%s is made of what there is', (expression) => expect(faultsOf(expression, scraped)).toEqual([]));

test.each([
  ['rate(cals_total[5m])', ['there is no metric cals_total']],
  ['calls_total{kode="OK"}', ['calls_total has no label kode']],
  ['sum by (methods) (calls_total)', ['nothing has the label methods']],
  ['used / missing', ['there is no metric missing']],
])('%s is not', (expression, faults) => expect(faultsOf(expression, scraped)).toEqual(faults));
