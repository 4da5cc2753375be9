/** This process, in the ErrorInfo of its own errors. */
export const domain = 'edge';
