import { metrics } from '@opentelemetry/api';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** Memory, CPU and the event loop's delay of this process, as observable metrics. */
export function observeProcess(): void {
  const meter = metrics.getMeter('@weft/chassis');
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meter
    .createObservableGauge('process.memory.usage', { unit: 'By', description: 'Resident memory.' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableCounter('process.cpu.time', { unit: 's', description: 'CPU time by mode.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
  let before = performance.eventLoopUtilization();
  meter
    .createObservableGauge('nodejs.eventloop.utilization', {
      unit: '1',
      description: 'Share of the time since the last reading in which the event loop was busy.',
    })
    .addCallback((result) => {
      const now = performance.eventLoopUtilization();
      result.observe(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    });
  meter
    .createObservableUpDownCounter('v8js.memory.heap.used', {
      unit: 'By',
      description: 'Memory of JavaScript objects.',
    })
    .addCallback((result) => result.observe(getHeapStatistics().used_heap_size));
  meter
    .createObservableUpDownCounter('v8js.memory.heap.limit', {
      unit: 'By',
      description: 'Memory that JavaScript objects may take.',
    })
    .addCallback((result) => result.observe(getHeapStatistics().heap_size_limit));
  meter
    .createObservableGauge('process.uptime', { unit: 's', description: 'Since the process began.' })
    .addCallback((result) => result.observe(process.uptime()));
  meter
    .createObservableGauge('nodejs.eventloop.delay.p99', {
      unit: 's',
      description: 'Since the last reading; 20 ms is idle.',
    })
    .addCallback((result) => {
      result.observe(delay.percentile(99) / 1e9);
      delay.reset();
    });
}
