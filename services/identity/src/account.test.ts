import { test, expect } from '@jest/globals';
import { displayNameViolations, emailViolations, normaliseEmail, passwordViolations } from './account.ts';

const isEmail = (email: string) => emailViolations('email', normaliseEmail(email)).length === 0;

test('addresses are one, whatever their case and the blanks around them', () => {
  expect(normaliseEmail(' Ada@Example.COM ')).toBe('ada@example.com');
});

test('what can be an address is taken', () => {
  for (const email of ['a@b', "o'neil+tag@mail.example.com", 'ada.l@x-y.de', `${'a'.repeat(64)}@example.com`])
    expect([email, isEmail(email)]).toEqual([email, true]);
});

test('what cannot be an address is refused', () => {
  const long = `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(20)}`;
  const bad = [
    '',
    ' ',
    'ada',
    'ada@',
    '@x.de',
    'a@b@c',
    'a b@c.de',
    'a@-b.de',
    'a@b..de',
    'a@b.de\n.x',
    'ä@b.de',
    `${'a'.repeat(65)}@b.de`,
    long,
  ];
  for (const email of bad) expect([email, isEmail(email)]).toEqual([email, false]);
});

test('a password has 8 to 128 characters of any kind', () => {
  const wrong = (password: string) => passwordViolations('password', password).length;
  expect(['12345678', '\u{1F511}'.repeat(8), 'x'.repeat(128), ' '.repeat(8)].map(wrong)).toEqual([
    0, 0, 0, 0,
  ]);
  expect(['', '1234567', '\u{1F511}'.repeat(7), 'x'.repeat(129), 'x'.repeat(1e6)].map(wrong)).toEqual([
    1, 1, 1, 1, 1,
  ]);
});

test('a name that is shown has 1 to 100 characters', () => {
  const wrong = (name: string) => displayNameViolations('display_name', name).length;
  expect(['A', 'é'.repeat(100), '', 'x'.repeat(101), 'a\u0000'].map(wrong)).toEqual([0, 0, 1, 1, 1]);
});
