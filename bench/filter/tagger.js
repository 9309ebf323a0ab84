// Compares the rules no_noun, no_determiner and no_preposition with a tagger:
//
//	node tagger.js TEXTS DECISIONS [COUNT]
//
// DECISIONS is what bench/filter -decisions wrote of the same texts. Only texts that
// the rule language passes count: both sides know English alone. Needs npm's wink-nlp and
// wink-eng-lite-web-model, which tags 95% of words as the Wall Street Journal's corpus.
const fs = require('fs');
const { createRequire } = require('module');
const from = createRequire(process.cwd() + '/');
const nlp = from('wink-nlp')(from('wink-eng-lite-web-model'), ['sbd', 'pos']);
const [texts, decisions, count] = process.argv.slice(2);
const [head, ...rows] = fs.readFileSync(decisions, 'utf8').trimEnd().split('\n').map((l) => l.split('\t'));
const lines = fs.readFileSync(texts, 'utf8').split('\n');
const classes = { no_noun: ['NOUN', 'PROPN'], no_determiner: ['DET'], no_preposition: ['ADP'] };
const tally = {};
let n = 0;
for (let i = 0; i < Math.min(+count || 20000, rows.length); i++) {
  if (rows[i][head.indexOf('language')] === '1' || rows[i][head.indexOf('words')] === '1') continue;
  n++;
  const tags = new Set(nlp.readDoc(lines[i]).tokens().out(nlp.its.pos));
  for (const [rule, wanted] of Object.entries(classes)) {
    const has = wanted.some((t) => tags.has(t)), ours = rows[i][head.indexOf(rule)] === '0';
    const key = `tagger ${has ? 'has' : 'has not'}, rule ${ours ? 'has' : 'has not'}`;
    (tally[rule] ??= {})[key] = (tally[rule][key] || 0) + 1;
    if (process.env.SHOW === rule && has !== ours) console.log(key, '|', lines[i].slice(0, 100));
  }
}
console.log(`${n} texts`);
for (const [rule, t] of Object.entries(tally)) {
  const same = (t['tagger has, rule has'] || 0) + (t['tagger has not, rule has not'] || 0);
  console.log(rule.padEnd(16), `${((100 * same) / n).toFixed(2)}% decided alike`, JSON.stringify(t));
}
