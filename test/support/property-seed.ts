import fc from 'fast-check';

/**
 * PPG_TEST_SEED fixes what the property tests draw, so that a run says something of a change and nothing of luck:
 * `.ci/run` sets it. Without it every run draws anew, which is how rare cases are found; fast-check prints the seed.
 */
const seed = process.env['PPG_TEST_SEED'];
if (seed !== undefined && seed !== '') {
  if (!/^-?\d+$/.test(seed)) throw new Error(`PPG_TEST_SEED is to be a whole number, not "${seed}"`);
  fc.configureGlobal({ seed: Number(seed) });
}
