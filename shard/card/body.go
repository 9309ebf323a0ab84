package card

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// body is the Markdown; own tells that it lies with the shards themselves.
func body(b *bytes.Buffer, s *stats.Stats, splits []Split, own bool) {
	d := s.Dataset
	fmt.Fprintf(b, "# %s\n\n%s\n\n", text(d.Name), text(summary(s)))
	b.WriteString("| | |\n|---|---|\n")
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, value)
		}
	}
	row("Version", text(d.Version)+" (hash `"+d.Hash+"`)")
	row("Pairs", grouped(s.Pairs)+" ("+grouped(d.Training)+" to train on, "+grouped(d.HeldOut)+" held out)")
	row("Different pictures", estimate(s.Distinct.Pictures))
	row("Different texts", estimate(s.Distinct.Texts))
	row("Pages, hosts, registered domains", estimate(s.Distinct.Pages)+", "+estimate(s.Hosts.Count)+", "+estimate(s.Domains.Count))
	if s.Crawled != nil {
		row("Pages read", s.Crawled.First+" to "+s.Crawled.Last)
	}
	row("Query list", fmt.Sprintf("%s (%s entries, hash `%s`)", text(d.Queries.Name), grouped(int64(d.Queries.Entries)), d.Queries.Hash))
	row("Seed", strconv.FormatInt(d.Seed, 10))
	row("Made by", text(d.Software))
	row("Contact", text(d.Contact))
	row("Home", text(d.URL))
	if own {
		b.WriteString("\n`index.html` and `stats.json` beside this card in the folder `report` hold all figures; paths below are from the folder above it, which is the one to publish, with this card in it.\n")
	}

	b.WriteString("\n## Use\n\n```python\nfrom datasets import load_dataset\n\npairs = load_dataset(\"path/to/the/dataset\")\n```\n\n")
	if len(splits) > 0 {
		b.WriteString("| split | files |\n|---|---|\n")
		for _, p := range splits {
			fmt.Fprintf(b, "| `%s` | `%s` |\n", p.Name, p.Files)
		}
	}
	if note := leftOver(s); own && note != "" {
		b.WriteString("\n" + note + "\n")
	}
	b.WriteString("\nA picture is held out by a seeded hash of its bytes, so that no pair changes sides as the dataset grows.\n")

	b.WriteString("\n## Fields\n\n| field | type | |\n|---|---|---|\n")
	for _, c := range shard.PairColumns() {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", c.Name, c.Type, Describe(c.Name))
	}

	b.WriteString("\n## How it was made\n\nPublic pages were read for pictures with texts; pairs whose text contains a query of the list were kept, their pictures fetched, and the pairs filtered, deduplicated and balanced.\n\n| stage | in | kept | most dropped for |\n|---|---|---|---|\n")
	for _, t := range s.Stages {
		var why []string
		for _, r := range t.Reasons()[:min(3, len(t.Reasons()))] {
			why = append(why, fmt.Sprintf("%s %s", text(r), grouped(t.Dropped[r])))
		}
		fmt.Fprintf(b, "| %s | %s %s | %s | %s |\n", text(t.Stage), grouped(t.In), text(t.Unit), grouped(t.Kept), strings.Join(why, ", "))
	}
	if len(d.Generations) > 0 {
		b.WriteString("\n| generation | pairs added | pairs taken out | why |\n|---|---|---|---|\n")
		for _, g := range d.Generations {
			fmt.Fprintf(b, "| %d | %s | %s | %s |\n", g.Number, grouped(g.Added), grouped(g.Deleted), text(reasons(g.Reasons)))
		}
	}

	b.WriteString("\n## Languages\n\n")
	list(b, s.TextLanguages, "As detected in the texts", s.Pairs)
	list(b, s.Languages, "As pages declare them", s.Pairs)

	b.WriteString("\n## Rights\n\n")
	if d.License == "" {
		b.WriteString("No licence is stated for the collection. ")
	} else {
		fmt.Fprintf(b, "The collection is under `%s`. ", strings.ReplaceAll(d.License, "`", ""))
	}
	b.WriteString("Pictures and texts belong to those who made them. What a page or a picture states about its licence is in the field `license`, what a site wishes about such uses in `opt_out`.\n\n")
	list(b, s.Licenses, "Licences, as pages state them", s.Pairs)
	list(b, s.OptOuts, "Wishes that were recorded and not among those obeyed", s.Pairs)
	if d.Contact != "" {
		fmt.Fprintf(b, "\nTo have something taken out, write to %s and name its address. It is then ", text(d.Contact))
		if own {
			b.WriteString("marked as deleted at once (`pairloom remove`), which pairloom's own readers obey and `load_dataset` does not know, and its bytes are gone from the next compaction on.\n")
		} else {
			b.WriteString("removed from the dataset (`pairloom remove`), and gone from here with the next export.\n")
		}
	}

	b.WriteString("\n## Limits\n\nTexts are what pages say beside a picture, and need not describe it. Nobody looked at all of it: it may hold what is wrong, biased, private or offensive, and it shows the web of its hosts, ")
	fmt.Fprintf(b, "of which %s hold half of the pairs (%s registered domains). Figures with ≈ are estimates.\n", grouped(s.Hosts.Head50), grouped(s.Domains.Head50))

	fmt.Fprintf(b, "\n## Citation\n\n```bibtex\n%s```\n", stats.BibTeX(s))
}

// leftOver says what readers that know no deletion vectors find beside the pairs; "" when
// that is nothing.
func leftOver(s *stats.Stats) string {
	n := s.Dataset.Deleted
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("The shards in the folder `shards` hold %s rows more that were deleted since they were written; `shards/_deleted-*.arrow` name their shard and the row's number in it, from 0. "+
		"`load_dataset` and other plain readers of Arrow read these rows too. Before that folder is published, write the shards anew without them with `pairloom shard --compact`, or publish what `pairloom export --format huggingface` writes.", grouped(n))
}

func summary(s *stats.Stats) string {
	t := fmt.Sprintf("%s pairs of a picture and a text from %s public pages", grouped(s.Pairs), estimate(s.Distinct.Pages))
	if s.Distinct.Pages.Count == 0 {
		t = fmt.Sprintf("%s pairs of a picture and a text", grouped(s.Pairs))
	}
	return t + ", for training models such as CLIP."
}

func reasons(r map[string]int64) string {
	t := shard.Tally{Dropped: r}
	var list []string
	for _, reason := range t.Reasons() {
		list = append(list, fmt.Sprintf("%s %s", reason, grouped(r[reason])))
	}
	return strings.Join(list, ", ")
}

// list names the most frequent on one line; nothing when none has a name.
func list(b *bytes.Buffer, names stats.Names, title string, pairs int64) {
	const most = 12
	named := slices.ContainsFunc(names, func(n stats.Name) bool { return !strings.HasPrefix(n.Name, "(") })
	if !named {
		return
	}
	var parts []string
	for _, n := range names[:min(most, len(names))] {
		parts = append(parts, fmt.Sprintf("%s %s (%.1f%%)", text(n.Name), grouped(n.Count), 100*float64(n.Count)/float64(max(pairs, 1))))
	}
	if len(names) > most {
		parts = append(parts, "and others")
	}
	fmt.Fprintf(b, "%s: %s.\n\n", title, strings.Join(parts, ", "))
}

func estimate(e stats.Estimate) string {
	if e.Exact {
		return grouped(e.Count)
	}
	return "≈ " + grouped(e.Count)
}

func grouped(n int64) string {
	t := strconv.FormatInt(n, 10)
	for i := len(t) - 3; i > 0 && t[i-1] != '-'; i -= 3 {
		t = t[:i] + "," + t[i:]
	}
	return t
}
