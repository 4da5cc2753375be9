#!/usr/bin/env node
import { printRoutes, runEdge } from './start.ts';

if (process.argv.includes('--print-routes')) printRoutes();
else await runEdge();
