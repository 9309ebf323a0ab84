// Package stats counts what is in a dataset and shows it.
//
// [Collect] reads every pair once, with the tallies of the stages that made
// them, and returns [Stats]: how many pairs, pictures, texts, pages and hosts;
// sizes, lengths, languages, licences, text sources and opt-outs; pairs for
// each query; what each stage kept and dropped, and why; and a sample of
// pictures with their texts. [Write] puts them into DIR/report as stats.json,
// for programs, and index.html, for people: one page that asks nothing of any
// network and works without scripts. The same pairs in any order give the same
// bytes, as long as no bound on names is reached, and in the same order always,
// whatever the number of workers. A caller that knows of a
// training or an evaluation sets [Training] and [Evaluation], and the report
// shows them.
//
// A second page, [DryRun], shows what the rules would drop before anything is decided;
// its caller has counted, and [WriteDryRun] puts it into a folder of its own.
//
// Memory does not grow with the dataset. Three bounds make it so, each stated in
// the figures where it was reached:
//
//   - Distinct things (addresses, pictures, texts, pages, hosts) are counted exactly up
//     to Options.MaxDistinct, past it by a HyperLogLog with a standard error of 0.4%.
//     How often each occurs comes from an even sample then: those whose hash starts with
//     a number of zero bits.
//   - Names (hosts, languages, licences) are counted exactly up to Options.MaxNames of a
//     kind. Past it the frequent ones are kept, and how wrong they may be is stated.
//   - Quantiles are exact for values below 4,096; above it a value is rounded
//     down by less than 0.4%.
package stats
