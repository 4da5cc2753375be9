import { audit } from './audit.ts';
import { list } from './list.ts';
import { addressesOf, help, identityOf, parse, UsageError, type Values } from './options.ts';
import { parked } from './parked.ts';
import { redrive } from './redrive.ts';
import { openServices, type SagaServices } from './services.ts';
import { show } from './show.ts';

type Command = (services: SagaServices, values: Values, argument: string | undefined) => Promise<number>;

const commands: Readonly<Record<string, Command>> = { list, show, parked, redrive, audit };

/** `weft saga …`: answers the exit code. 2: the command line is wrong. */
export async function saga(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [name = '', argument, ...more] = positionals;
    if (values.help === true) {
      process.stdout.write(help);
      return 0;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined)
      throw new UsageError(name === '' ? 'which command?' : `no command is called ${name}`);
    if (more.length > 0) throw new UsageError(`${name} takes one argument, not also ${more.join(' ')}`);
    const trustDomain = values['trust-domain'] ?? process.env['TRUST_DOMAIN'] ?? 'weft.local';
    const services = await openServices(await addressesOf(values), identityOf(values), trustDomain);
    try {
      return await command(services, values, argument);
    } finally {
      services.close();
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${help}`);
    return 2;
  }
}
