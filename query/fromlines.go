package query

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/pairloom/pairloom/internal/lines"
	"github.com/pairloom/pairloom/shard"
)

// Reasons for which FromLines leaves a line out.
const (
	DropBlank     = "blank"    // nothing but space
	DropComment   = "comment"  // begins with "# ", as only a list's header may
	DropNotUTF8   = "not_utf8" // Latin-1, perhaps
	DropTooLong   = "over_1024_bytes"
	DropControl   = "tab_or_control" // a list has tabs between its columns
	DropDuplicate = "duplicate"      // stands on an earlier line already
)

// linesSource is the source of the entries that FromLines makes.
const linesSource = "lines"

// FromLines makes a list of text with a query a line, as package lines reads it;
// name stands for the text in the header. The entries keep their order, and an
// entry's count is the number of lines that hold it. Lines that are left out are
// counted by reason.
func FromLines(name string, r io.Reader) (header []string, entries []Entry, tally *shard.Tally, err error) {
	tally = shard.NewTally("queries", "lines", "queries")
	digest := sha256.New()
	at := map[string]int{}
	for line, err := range lines.Each(io.TeeReader(r, digest)) {
		if err != nil {
			return nil, nil, nil, fmt.Errorf("read queries of %s: %w", name, err)
		}
		reason := unfit(line)
		if i, there := at[line.Text]; reason == "" && there {
			entries[i].Count++
			reason = DropDuplicate
		}
		if reason != "" {
			tally.Drop(reason)
			continue
		}
		at[line.Text] = len(entries)
		entries = append(entries, Entry{line.Text, linesSource, 1})
		tally.Keep()
	}
	tally.Out = tally.Kept
	shown := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	header = []string{
		"recipe: a query a line, in order, repeated ones once; count: lines that hold it",
		fmt.Sprintf("source: lines %s sha256 %x", shown, digest.Sum(nil)),
	}
	return header, entries, tally, nil
}

// unfit is why a line is no query; "" where it is one.
func unfit(line lines.Line) string {
	switch {
	case line.Text == "":
		return DropBlank
	case strings.HasPrefix(line.Text, "# "):
		return DropComment
	case line.Check() != nil:
		return DropNotUTF8
	case len(line.Text) > maxEntryBytes:
		return DropTooLong
	case strings.ContainsFunc(line.Text, unicode.IsControl):
		return DropControl
	}
	return ""
}
