import { getOption, type DescExtension, type DescField, type Registry } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';

/** What google.api.field_behavior (AIP-203), and proto2's `required`, say of a field. */
export interface Behavior {
  readonly required: boolean;
  readonly outputOnly: boolean;
  readonly inputOnly: boolean;
  readonly immutable: boolean;
}

/** Numbers of google.api.FieldBehavior. */
const [REQUIRED, OUTPUT_ONLY, INPUT_ONLY, IMMUTABLE] = [2, 3, 4, 5];

/** Reads the behavior of fields; a set without google/api/field_behavior.proto has proto2's alone. */
export function behaviorReader(registry: Registry): (field: DescField) => Behavior {
  const extension = registry.getExtension('google.api.field_behavior') as DescExtension | undefined;
  const cache = new WeakMap<DescField, Behavior>();
  return (field) => {
    let behavior = cache.get(field);
    if (behavior === undefined) {
      const values = extension === undefined ? [] : (getOption(field, extension) as unknown as number[]);
      behavior = {
        required: values.includes(REQUIRED) || field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED,
        outputOnly: values.includes(OUTPUT_ONLY),
        inputOnly: values.includes(INPUT_ONLY),
        immutable: values.includes(IMMUTABLE),
      };
      cache.set(field, behavior);
    }
    return behavior;
  };
}
