// Package optout reads what sites say against the use of their pages and
// pictures, wherever they say it. It is pure: no network, no clock.
//
// What is found is a list of [Wish]: the word under which a wish is known in the
// configuration (gate.respect) and in records, the place where it stood, and the
// text that stood there. [Wishes.Words] is the verdict of a record's opt_out
// column, [Wishes.From] that of opt_out_from.
//
// [Headers] and [Meta] read responses and pages, [ParseTDMRep] and [ParseAITxt]
// the files that a site keeps for the purpose, [Training] the dictionaries that
// stand in robots.txt. [Lines] and [Pattern] are what the files of rules have in
// common. A wish with a date is none before it: [Wishes.At].
//
// A wish is recorded whether or not it is obeyed; which ones are is the gate's
// choice, and what is done with a record is the caller's.
package optout
