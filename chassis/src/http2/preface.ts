import { defaultWindowBytes, frame, frameTypes, settingIds, settingsFrame } from './frames.ts';
import { longestListBytes } from './header-block.ts';

const magic = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/**
 * What a client begins a connection with (RFC 9113, section 3.4): no push, no HPACK table, and the windows of one
 * stream and, which takes a frame of its own, of the connection. Bytes; the latter at least HTTP/2's default.
 */
export function clientPreface(streamWindowBytes: number, sessionWindowBytes: number): Buffer {
  const settings = settingsFrame([
    [settingIds.headerTableSize, 0],
    [settingIds.enablePush, 0],
    [settingIds.initialWindowSize, streamWindowBytes],
    [settingIds.maxHeaderListSize, longestListBytes],
  ]);
  const more = sessionWindowBytes - defaultWindowBytes;
  if (more <= 0) return Buffer.concat([magic, settings]);
  const increment = Buffer.alloc(4);
  increment.writeUInt32BE(more);
  return Buffer.concat([magic, settings, frame(frameTypes.windowUpdate, 0, 0, increment)]);
}
