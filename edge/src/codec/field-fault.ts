/** A value that its field cannot take. `field` is its path in the request message, in JSON names. */
export class FieldFault extends Error {
  override readonly name = 'FieldFault';
  readonly field: string;

  constructor(field: string, description: string) {
    super(description);
    this.field = field;
  }
}
