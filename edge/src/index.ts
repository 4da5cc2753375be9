export { createEdge, type Edge, type EdgeOptions, type ServingOptions } from './edge.ts';
export { openEdge, type OpenedEdge, type OpenEdgeOptions } from './open-edge.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { RouteError } from './routing/routes.ts';
