import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescMessage,
  DescMethod,
  DescService,
} from '@bufbuild/protobuf';
import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** What a comment can stand before. */
export type Commented = DescMessage | DescField | DescEnum | DescEnumValue | DescService | DescMethod;

const commentsByFile = new WeakMap<FileDescriptorProto, ReadonlyMap<object, string>>();

/**
 * The comment before a definition in its `.proto`, '' for none or when the set carries no source
 * information. Directives to tools and what AIP-192 marks as internal, `(-- … --)`, are left out.
 */
export function commentOf(desc: Commented): string {
  const { proto } = fileOf(desc);
  let comments = commentsByFile.get(proto);
  if (comments === undefined) commentsByFile.set(proto, (comments = readComments(proto)));
  return comments.get(desc.proto) ?? '';
}

function fileOf(desc: Commented) {
  if (desc.kind === 'field' || desc.kind === 'rpc' || desc.kind === 'enum_value') return desc.parent.file;
  return desc.file;
}

/** By the definition's own descriptor. Paths are those of google.protobuf.SourceCodeInfo.Location. */
function readComments(file: FileDescriptorProto): Map<object, string> {
  const texts = new Map<string, string>();
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    const text = cleaned(leadingComments);
    if (text !== '') texts.set(path.join('.'), text);
  }
  const comments = new Map<object, string>();
  const note = (definition: object, path: string): void => {
    const text = texts.get(path);
    if (text !== undefined) comments.set(definition, text);
  };
  const noteEnum = (type: EnumDescriptorProto, path: string): void => {
    note(type, path);
    type.value.forEach((value, index) => note(value, `${path}.2.${index}`));
  };
  const noteMessage = (type: DescriptorProto, path: string): void => {
    note(type, path);
    type.field.forEach((field, index) => note(field, `${path}.2.${index}`));
    type.nestedType.forEach((nested, index) => noteMessage(nested, `${path}.3.${index}`));
    type.enumType.forEach((nested, index) => noteEnum(nested, `${path}.4.${index}`));
  };
  file.messageType.forEach((type, index) => noteMessage(type, `4.${index}`));
  file.enumType.forEach((type, index) => noteEnum(type, `5.${index}`));
  file.service.forEach((service, index) => {
    note(service, `6.${index}`);
    service.method.forEach((method, at) => note(method, `6.${index}.2.${at}`));
  });
  return comments;
}

function cleaned(comment: string): string {
  return comment
    .replace(/\(--[\s\S]*?--\)/g, '')
    .split('\n')
    .filter((line) => !/^\s*(buf:lint:ignore|@exclude|protolint:)/.test(line))
    .map((line) => line.replace(/^ /, '').trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** The first sentence of a comment, at most 120 characters; '' when there is none that short. */
export function firstSentence(comment: string): string {
  const paragraph = comment.split('\n\n', 1)[0]?.replaceAll('\n', ' ') ?? '';
  const sentence = /^.*?[.!?](?=\s|$)/.exec(paragraph)?.[0] ?? paragraph;
  return sentence.length <= 120 ? sentence.replace(/\.$/, '') : '';
}

/** `GetBook` as `Get book`, for methods without a comment. */
export function inWords(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .split(' ');
  return words
    .map((word, index) => (index > 0 && !/^[A-Z]{2}/.test(word) ? word.toLowerCase() : word))
    .join(' ');
}
