import type { Contract, MethodRule } from '@weft/chassis/contract';
import { decisionGraph, sagaGraph } from '@weft/chassis/saga/graph';

/**
 * A saga as a Mermaid flowchart, read from the contract alone: solid arrows forward, dotted ones
 * after an abort (undo), a commit (final) or a decision (must).
 */
export function sagaPicture(contract: Contract, name: string): string {
  const decision = decisionGraph(contract, name);
  if (decision !== undefined) {
    const { decide, musts } = decision;
    const arrows = musts.map((must) => arrow(decide, '-. must .->', contract, must.path));
    return `${['flowchart LR', ...[decide, ...musts].map(box), ...arrows].join('\n')}\n`;
  }
  const { start, steps, commit, abort } = sagaGraph(contract, name);
  const lines = ['flowchart LR', ...[start, ...steps, commit, abort].map(box)];
  for (const method of [start, ...steps]) lines.push(arrow(method, '-->', contract, method.saga?.next));
  for (const step of steps) {
    lines.push(`  ${id(step)} -- refused --> ${id(abort)}`);
    const { undo, final } = step.saga ?? {};
    if (final !== undefined)
      lines.push(box(rule(contract, final)), arrow(commit, '-. final .->', contract, final));
    if (undo !== undefined)
      lines.push(box(rule(contract, undo)), arrow(abort, '-. undo .->', contract, undo));
  }
  return `${lines.join('\n')}\n`;
}

/** `document` with the picture of each saga put between its `<!-- saga:name -->` marks. */
export function withSagaPictures(document: string, contract: Contract): string {
  return document.replace(
    /(<!-- saga:([a-z-]+) -->\n)[\s\S]*?(<!-- \/saga -->)/g,
    (_, open: string, name: string, close: string) =>
      `${open}\n\`\`\`mermaid\n${sagaPicture(contract, name)}\`\`\`\n\n${close}`,
  );
}

const id = (method: MethodRule): string => method.descriptor.name;
const box = (method: MethodRule): string =>
  `  ${id(method)}["${method.servedBy ?? method.service}<br/>${method.descriptor.name}"]`;
const arrow = (from: MethodRule, kind: string, contract: Contract, to: string | undefined): string =>
  `  ${id(from)} ${kind} ${id(rule(contract, to))}`;

function rule(contract: Contract, path: string | undefined): MethodRule {
  const found = path === undefined ? undefined : contract.methods.get(path);
  if (found === undefined) throw new Error(`the contract has no method ${path}`);
  return found;
}
