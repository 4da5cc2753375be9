export { default } from '@weft/chassis/testing/jest-preset';
