// The second of three scripts that work on one state: makes bills of the readings that intake.lua has noted.
//
//   llmspell -c examples/configs/state-enabled.toml run examples/three_languages/pricing.js

const READINGS = 'power:reading', BILLS = 'power:bill';
const MICRO_EUROS_PER_KWH = 123_457n; // a BigInt: the product of two of them is exact, however large it becomes

// Readings become bills in one step: whatever happens, a reading is never priced twice and never lost.
const places = State.transaction(() => {
  const places = State.list_keys(READINGS);
  for (const place of places) {
    const { kwh, round } = State.load(READINGS, place);
    State.save(BILLS, place, { round, kwh, micro_euros: BigInt(kwh) * MICRO_EUROS_PER_KWH, paid: null });
    State.delete(READINGS, place);
  }
  return places;
});

if (places.length === 0) {
  console.log('there is nothing to price; run intake.lua first');
}
for (const place of places) {
  const { kwh, micro_euros } = State.load(BILLS, place);
  const note = Number.isSafeInteger(Number(micro_euros)) ? '' : `, where a Number would say ${kwh * 123457}`;
  console.log(`${place.padEnd(10)} ${micro_euros} (${typeof micro_euros})${note}`);
}
