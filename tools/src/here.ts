import { composeShop } from './compose/project.ts';
import { weftFolder } from './paths.ts';
import { Records } from './records.ts';
import { adminLogin, type AdminLogin } from './secrets.ts';

/** The edge and the admin of the system that `make up` started. Throws when it does not run. */
export function runningShop(): { readonly url: string; readonly admin: AdminLogin } {
  const inContainers = composeShop(weftFolder);
  if (inContainers !== undefined) return inContainers;
  const port = new Records(weftFolder).get('edge')?.ports[1];
  if (port === undefined) throw new Error('the shop does not run: make up starts it');
  return { url: `http://127.0.0.1:${port}`, admin: adminLogin(weftFolder) };
}
