import { stripTypeScriptTypes } from 'node:module';

/** Blanks the types out, so that lines and columns stay what they are. */
export default {
  process: (source: string) => ({ code: stripTypeScriptTypes(source) }),
};
