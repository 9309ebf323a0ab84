package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

const removeLong = `Take pairs and pictures out of the dataset, and keep them out.

FILE has a line for each address, host or hash; # begins a comment. Addresses are of
pictures or of pages; hosts go with their subdomains; a hash is a picture's or a pair's
of 16 digits, as "picture HASH" or "pair HASH" that alone, or a SHA-256 of 64. Lines
that are none are named, and the rest is done. A picture refuses what looks like it.

What is named goes on the list refused.txt in the folder, which people may edit; crawls,
imports, archives and all stages obey it. Pairs are excluded from reading at once: by
training, evaluation, search, export and everything else that reads the dataset. Their
bytes go at the next run and "pairloom shard --compact", or at once with --compact. A
line that is deleted from refused.txt lets come back what it refused, at the next run.

What cannot be undone: exports and copies elsewhere, and what models have learned. "pairloom verify --absent FILE" says what is still there.`

func newRemove(g *global) *cobra.Command {
	var urls, hosts, hashes, similar string
	distance := -1
	var r pipeline.Removal
	c := &cobra.Command{
		Use: "remove", Short: "Take pairs and pictures out of the dataset, and keep them out", Long: removeLong, Args: noArguments,
		Example: `  pairloom remove -C cats --urls request.txt --dry-run    # what would go
  pairloom remove -C cats --urls request.txt
  pairloom remove -C cats --hosts hosts.txt --compact     # and from the disk, at once
  pairloom remove -C cats --similar picture.jpg --dry-run
  pairloom verify -C cats --absent request.txt            # the proof`,
		RunE: func(c *cobra.Command, _ []string) error {
			given := 0
			for _, s := range []string{urls, hosts, hashes, similar} {
				if s != "" {
					given++
				}
			}
			if given == 0 {
				return &exitError{exitConfiguration, fmt.Errorf("say what to take out: --urls, --hosts, --hashes or --similar")}
			}
			return g.withWorkspace(c.Context(), "remove", func(w *workspace) error {
				work, err := w.work(nil)
				if err != nil {
					return err
				}
				r.Work = work
				if r.Distance = distance; distance < 0 {
					r.Distance = min(w.cfg.Dedup.PictureDistance, refusal.MostDistance)
				}
				var entries []refusal.Entry
				var unread []string
				for _, f := range []struct {
					path  string
					among []refusal.Kind
				}{{urls, pipeline.RequestURLs}, {hosts, pipeline.RequestHosts}, {hashes, pipeline.RequestHashes}} {
					if f.path == "" {
						continue
					}
					list, err := pipeline.ReadRequest(f.path, f.among)
					if err != nil {
						return err
					}
					entries = append(entries, list.Entries...)
					unread = append(unread, pipeline.FaultLines(f.path, list.Faults)...)
				}
				if similar != "" {
					e, err := pipeline.LikePicture(c.Context(), similar, r.Distance, work.PictureChild)
					if err != nil {
						return err
					}
					entries = append(entries, e)
				}
				if len(entries) == 0 && len(unread) > 0 {
					return &exitError{exitConfiguration, fmt.Errorf("no line of the request names anything, the first: %s", unread[0])}
				}
				r.Request = refusal.New(entries)
				bar := newProgress(g, "taking out")
				done, err := r.Run(c.Context())
				bar.end()
				if err != nil {
					return err
				}
				return g.removed(done, unread)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&urls, "urls", "", "`FILE` of addresses of pictures and pages, a line each")
	f.StringVar(&hosts, "hosts", "", "`FILE` of hosts, a line each")
	f.StringVar(&hashes, "hashes", "", "`FILE` of hashes of pictures and ids of pairs, a line each")
	f.StringVar(&similar, "similar", "", "`PICTURE` file: pictures that look like it")
	f.IntVar(&distance, "distance", -1, "most of 64 `bits` in which pictures that look alike differ, with --similar and --copies (default dedup.picture_distance)")
	f.BoolVar(&r.Copies, "copies", false, "also pictures under other addresses that are equal to those named, or look alike")
	f.BoolVar(&r.Compact, "compact", false, "take bytes and texts from the disk at once: from candidates, matched, images, shards, reports and WARC files")
	f.BoolVar(&r.DryRun, "dry-run", false, "only say what would go")
	return c
}

// removed prints what a removal came to. Lines that were not read are no error: the rest
// is done, and they are named.
func (g *global) removed(r *pipeline.Removed, unread []string) error {
	if g.json {
		return g.printJSON(struct {
			*pipeline.Removed
			Unread []string `json:"not_read"`
		}{r, append([]string{}, unread...)})
	}
	out := io.Writer(g.stdout)
	for _, line := range unread {
		fmt.Fprintf(g.stderr, "pairloom: %s; passed over\n", line)
	}
	verb := "excluded"
	if r.DryRun {
		verb = "would be excluded"
	}
	line := fmt.Sprintf("%s asked for, %s new in %s: %s pairs %s from reading", countNoun(r.Asked, "entry", "entries"), pipeline.Grouped(int64(r.Added)), pipeline.RefusedName, pipeline.Grouped(int64(r.Pairs)), verb)
	if r.DryRun {
		line = fmt.Sprintf("dry run of %s: %s pairs %s from reading", countNoun(r.Asked, "entry", "entries"), pipeline.Grouped(int64(r.Pairs)), verb)
	}
	if g.quiet {
		if len(unread) > 0 {
			line += fmt.Sprintf("; %d lines are no entries, the first: %s", len(unread), unread[0])
		}
		fmt.Fprintln(out, "pairloom: remove: "+line)
		return nil
	}
	fmt.Fprintln(out, line)
	for _, e := range r.Redirected {
		fmt.Fprintf(out, "the crawl was redirected there, or from there, and it goes too: %s\n", e)
	}
	tellUnmatched(out, r.Unmatched)
	places, title := r.Before, "what holds it still, on the disk:"
	if r.DryRun {
		title = "what holds it, on the disk:"
	} else if r.Compacted {
		places, title = r.After, "what holds it still, after --compact:"
	}
	fmt.Fprintln(out, title)
	placesTable(out, places)
	if r.EqualCopies+r.NearCopies > 0 {
		with := "taken out too"
		if !r.Copies {
			with = "to take these out too, give --copies"
		}
		fmt.Fprintf(out, "under other addresses: %s pictures with the same bytes, %s that look alike; %s\n", pipeline.Grouped(r.EqualCopies), pipeline.Grouped(r.NearCopies), with)
	}
	if !r.DryRun && !r.Compacted {
		fmt.Fprintln(out, "next: pairloom run, then pairloom shard --compact; or remove --compact, which does so without asking any server. Proof: pairloom verify --absent FILE")
	}
	return nil
}

func countNoun(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return pipeline.Grouped(int64(n)) + " " + many
}

// tellUnmatched says which entries nothing in the folder has.
func tellUnmatched(out io.Writer, entries []string) {
	for _, e := range entries[:min(len(entries), 10)] {
		fmt.Fprintf(out, "matched nothing that the dataset has or remembers: %s; it was forgotten after it went, is spelled otherwise there, or is where an address of the dataset leads to\n", e)
	}
	if n := len(entries) - 10; n > 0 {
		fmt.Fprintf(out, "and %s more that matched nothing\n", pipeline.Grouped(int64(n)))
	}
}

// placesTable prints what was found where.
func placesTable(out io.Writer, places []pipeline.Place) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "place\tstate\tfound\tlooked at\t\n")
	for _, p := range places {
		if p.State == pipeline.PlaceMissing {
			continue
		}
		found := pipeline.Grouped(p.Found)
		if p.State == pipeline.PlaceUnknown && p.Found == 0 {
			found = "?"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %s\t\n", p.Place, p.State, found, pipeline.Grouped(p.Looked), p.Unit)
	}
	t.Flush()
	for _, p := range places {
		var said []string
		if len(p.First) > 0 {
			said = append(said, strings.Join(p.First, ", "))
			if rest := p.Found - int64(len(p.First)); rest > 0 {
				said[0] += fmt.Sprintf(" and %s more", pipeline.Grouped(rest))
			}
		}
		for _, s := range []string{p.Note, p.Cure} {
			if s != "" {
				said = append(said, s)
			}
		}
		if len(said) > 0 && p.State != pipeline.PlaceMissing {
			fmt.Fprintf(out, "%s: %s\n", p.Place, strings.Join(said, "; "))
		}
	}
}
