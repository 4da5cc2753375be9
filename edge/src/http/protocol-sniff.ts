import type { Socket } from 'node:net';

/** How an HTTP/2 connection with prior knowledge begins (RFC 9113, 3.4); no HTTP/1.1 request can. */
const preface = Buffer.from('PRI * HTTP/2.0', 'latin1');

/** What a connection speaks; `late`: it had not said before the time was up; `ended`: it closed before that. */
export type Spoken = 'http/1.1' | 'h2' | 'late' | 'ended';

/**
 * Looks at the first bytes of a cleartext connection, however they are cut into packets, and tells what it
 * speaks, with every byte put back. `begun`: whether anything came at all.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  found: (spoken: Spoken, begun: boolean) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const decide = (spoken: Spoken): void => {
    clearTimeout(timer);
    socket.off('data', onData).off('end', onEnd).off('close', onClose);
    if (spoken === 'http/1.1' || spoken === 'h2') {
      // Paused, or what is put back would be emitted to nobody.
      socket.pause();
      if (seen.length > 0) socket.unshift(seen);
    }
    found(spoken, seen.length > 0);
    socket.off('error', ignore);
  };
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, preface.length);
    if (seen.compare(preface, 0, compared, 0, compared) !== 0) decide('http/1.1');
    else if (compared === preface.length) decide('h2');
  };
  const onEnd = (): void => decide('ended');
  const onClose = (): void => clearTimeout(timer);
  // A reset before the first byte concerns nobody; `close` follows.
  const ignore = (): void => undefined;
  const timer = setTimeout(decide, timeoutMs, 'late');
  socket.on('data', onData).on('end', onEnd).on('close', onClose).on('error', ignore);
}
