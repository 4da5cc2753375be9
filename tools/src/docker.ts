import spawn, { SubprocessError } from 'nano-spawn';

/** Whether a Docker engine answers. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await spawn('docker', ['info'], { timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

/** A container in the background; `port` on loopback leads to the container's `port`. Pulls the image if need be. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly port: number;
  readonly inside: number;
  /** Set in the container; handed over by the environment, so that secrets do not show in `ps`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A named volume and the folder it is mounted at. */
  readonly volume?: readonly [name: string, folder: string];
  readonly args: readonly string[];
}

/** Starts a container in place of an older one of the same name. */
export async function runContainer(container: Container): Promise<void> {
  await removeContainer(container.name);
  const { name, image, port, inside, environment = {}, volume, args } = container;
  await spawn(
    'docker',
    [
      'run',
      '--detach',
      `--name=${name}`,
      `--publish=127.0.0.1:${port}:${inside}`,
      ...Object.keys(environment).map((variable) => `--env=${variable}`),
      ...(volume === undefined ? [] : [`--volume=${volume.join(':')}`]),
      image,
      ...args,
    ],
    { env: environment },
  );
}

/** Whether the container runs. */
export async function containerRuns(name: string): Promise<boolean> {
  try {
    const { stdout } = await spawn('docker', ['inspect', '--format', '{{.State.Running}}', name]);
    return stdout === 'true';
  } catch (error) {
    if (isUnknown(error)) return false;
    throw error;
  }
}

/** The last lines a container wrote. */
export async function containerLog(name: string): Promise<string> {
  return (await spawn('docker', ['logs', '--tail', '15', name])).output;
}

/** Stops and removes a container; its named volume stays. */
export async function removeContainer(name: string): Promise<'was gone' | 'ended'> {
  try {
    await spawn('docker', ['stop', '-t', '10', name]);
    await spawn('docker', ['rm', '--force', name]);
    return 'ended';
  } catch (error) {
    if (isUnknown(error)) return 'was gone';
    throw error;
  }
}

/** Removes a named volume, if there is one. */
export async function removeVolume(name: string): Promise<void> {
  await spawn('docker', ['volume', 'rm', '--force', name]);
}

function isUnknown(error: unknown): boolean {
  return error instanceof SubprocessError && /no such (object|container)/i.test(error.stderr);
}
