import { newPerson, signIn } from '@weft/tools/shop-api';

/** A token is renewed when it has less than this left. */
const renewBeforeMs = 120_000;

/** Somebody who is signed in, and stays so. */
export interface Buyer {
  /** The account's id, if it is known. */
  readonly id: string;
  /** What was in the wallet at first. */
  readonly cents: number;
  token(): Promise<string>;
}

/** Signs a new person up. */
export async function newBuyer(url: () => string, walletCents: number): Promise<Buyer> {
  const { id, email, password, token } = await newPerson(url(), walletCents);
  return { id, cents: walletCents, token: signedIn(token, () => signIn(url(), email, password)) };
}

/** Signs in somebody who has an account. */
export async function signedInAs(
  url: () => string,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Buyer> {
  const token = await signIn(url(), email, password);
  return { id: '', cents: 0, token: signedIn(token, () => signIn(url(), email, password)) };
}

/** The token, renewed in time; the old one as long as that fails. */
function signedIn(first: string, renew: () => Promise<string>): () => Promise<string> {
  let token = first;
  let renewing: Promise<void> | undefined;
  return async () => {
    if (expiresAtMs(token) - Date.now() < renewBeforeMs) {
      renewing ??= renew()
        .then(
          (next) => void (token = next),
          () => undefined,
        )
        .finally(() => (renewing = undefined));
      await renewing;
    }
    return token;
  };
}

function expiresAtMs(token: string): number {
  const [, claims = ''] = token.split('.');
  const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly exp: number };
  return exp * 1000;
}
