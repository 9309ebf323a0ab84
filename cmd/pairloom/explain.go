package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

func newExplain(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain URL", Short: "Tell what became of a page, a picture or a pair, and why",
		Long: `Tell what became of a page, a picture or a pair: URL is the address of a page or
of a picture, or a pair id: 16 hexadecimal digits, or the number that Arrow files
hold. For each pair it names the
stage that dropped it, the reason, and the value that decided.`,
		Example: `  pairloom explain -C cats https://example.org/cats/
  pairloom explain -C cats https://example.org/cats/tabby.jpg
  pairloom explain -C cats 0123456789abcdef --json`,
		Args: oneArgument("the address of a page or a picture, or a pair id"),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			e, err := pipeline.Explain(w.dir, w.cfg, args[0])
			if err != nil {
				return err
			}
			if g.json {
				if err := g.printJSON(e); err != nil {
					return err
				}
			} else {
				fmt.Fprint(g.stdout, explained(e))
			}
			if !e.Known() {
				return &exitError{exitPartial, fmt.Errorf("nothing is known of %s", args[0])}
			}
			return nil
		},
	}
}

// explained says an explanation to people.
func explained(e *pipeline.Explanation) string {
	var b strings.Builder
	fmt.Fprintln(&b, e.Asked)
	if !e.Known() {
		fmt.Fprintln(&b, "  is not known: it is no pair id, and no page that counts today names such an address; a picture goes with its page, of which explain tells; of what archives refused only counts are kept; the pictures of an imported folder have addresses of the form list:NAME/FOLDER/PATH: the name of the import, that of the folder, and the path in it")
	}
	if e.Refused != "" {
		fmt.Fprintln(&b, "  refused by", e.Refused)
	}
	if e.Page != nil {
		fmt.Fprintln(&b, "  page:", pageLine(e.Page))
	}
	if e.Image != nil {
		fmt.Fprintf(&b, "  picture: %s", e.Image.Status)
		for _, s := range []string{e.Image.Detail, e.Image.Size, e.Image.OptOut} {
			if s != "" {
				fmt.Fprintf(&b, "; %s", s)
			}
		}
		fmt.Fprintln(&b)
		b.WriteString(asked(e.Image))
	}
	for _, p := range e.Pairs {
		fmt.Fprintf(&b, "  pair %s: %q (%s)\n", p.PairID, p.Text, p.Source)
		if p.Image != e.Asked {
			fmt.Fprintf(&b, "    picture %s\n", p.Image)
		}
		if p.From != "" && p.From != "live" {
			fmt.Fprintf(&b, "    from %s\n", p.From)
		}
		if p.Page != e.Asked && p.Page != "" {
			fmt.Fprintf(&b, "    page %s\n", p.Page)
		}
		if p.Language != "" {
			fmt.Fprintf(&b, "    language detected: %s\n", p.Language)
		}
		if len(p.Queries) > 0 {
			fmt.Fprintf(&b, "    queries: %s\n", strings.Join(p.Queries, ", "))
		}
		switch {
		case p.Shard != "":
			fmt.Fprintf(&b, "    kept: %s row %d, since generation %d\n", p.Shard, p.Row, p.Generation)
		case p.Reason != "":
			fmt.Fprintf(&b, "    dropped by %s: %s (%s)\n", p.Stage, p.Reason, p.Detail)
		default:
			fmt.Fprintf(&b, "    passed %s; later stages have not seen it\n", p.Stage)
		}
		if p.Note != "" {
			fmt.Fprintf(&b, "    %s\n", p.Note)
		}
	}
	for _, d := range e.Left {
		fmt.Fprintf(&b, "  left the dataset in generation %d: %s", d.Generation, d.Reason)
		if d.Detail != "" {
			fmt.Fprintf(&b, " (%s)", d.Detail)
		}
		fmt.Fprintf(&b, "\n    %s row %d, since generation %d: pair %s, %q, of %s\n", d.Shard, d.Row, d.Since, d.PairID, d.Text, d.Page)
	}
	if e.More {
		fmt.Fprintf(&b, "  only the first %d pairs are shown, and as many rows that left\n", pipeline.MaxExplained)
	}
	return b.String()
}

// asked says, on lines of their own, when a picture was asked for and what was said
// of wishes and versions.
func asked(i *pipeline.ImageReport) string {
	var b strings.Builder
	if i.Asked.Unix() > 0 {
		fmt.Fprintf(&b, "    last asked for at %s", i.Asked.Format(time.RFC3339))
		for _, s := range []struct{ what, value string }{{"ETag", i.ETag}, {"Last-Modified", i.LastModified}, {"asked for again when this changes", i.Setting}} {
			if s.value != "" {
				fmt.Fprintf(&b, "; %s %s", s.what, s.value)
			}
		}
		fmt.Fprintln(&b)
	}
	if i.Tries > 0 {
		fmt.Fprintf(&b, "    asking failed %d times in a row", i.Tries)
		if i.Failure != "" {
			fmt.Fprintf(&b, ", at last with %s", i.Failure)
		}
		fmt.Fprintln(&b)
	}
	for _, line := range i.OptOutFrom {
		fmt.Fprintf(&b, "    wish: %s\n", line)
	}
	return b.String()
}

// pageLine tells where a page stands.
func pageLine(r *frontier.Record) string {
	var parts []string
	switch {
	case r.State != "decided":
		parts = append(parts, r.State)
	case r.Reason == r.Kind: // a sitemap or feed
		parts = append(parts, "read for the addresses in it")
	case r.Reason != "":
		parts = append(parts, "dropped by crawl: "+r.Reason)
	default:
		parts = append(parts, fmt.Sprintf("read, %d candidates", r.Candidates))
	}
	add := func(format string, value any, shown bool) {
		if shown {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%d dropped, as their address stands under four texts or more", r.Placeholders, r.Placeholders > 0)
	add("rule %s", r.Rule, r.Rule != "")
	add("%d addresses left out, past what crawl.max_per_host allows a list", r.Past, r.Past > 0)
	add("HTTP status %d", r.Status, r.Status != 0)
	add("redirects to %s", r.Target, r.Target != "")
	add("opts out: %s", r.OptOut, r.OptOut != "")
	add("%d hops from a seed", r.Hops, r.Hops > 0)
	add("linked from %s", r.Referrer, r.Referrer != "")
	add("at %s", time.Unix(r.Fetched, 0).UTC().Format(time.RFC3339), r.Fetched != 0)
	return strings.Join(parts, "; ")
}
