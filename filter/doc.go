// Package filter holds the rules that drop a pair for what its text or its
// picture is.
//
// A rule has a name, which is the drop reason that reports count and explain
// shows, and says in one line by which value it decided. A rule with thresholds
// tells its value and its limits, so that one pass over the records answers what
// other thresholds would drop. Text rules need the
// candidate alone and run before a picture is fetched; picture rules need the
// fetched picture. One file a rule; [TextRules] and [PictureRules] list them in
// the order in which they are asked: the first that drops gives the reason.
//
// To add a rule: write it in a file of its own, give [Options] its threshold
// with default and doc, append it to a list below, and add cases to its table
// in filter_test.go. Rules are pure: same input, same verdict, no clock, no
// memory of other pairs. What depends on other pairs belongs to package dedup.
package filter
