package stats

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// The files of an appendix.
const (
	AppendixName = "appendix.tex"
	BibTeXName   = "dataset.bib"
)

// WriteAppendix puts appendix.tex and dataset.bib into dir/report.
func WriteAppendix(dir string, s *Stats) error {
	if err := atomicfile.WriteFile(filepath.Join(dir, Folder, AppendixName), Appendix(s)); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, Folder, BibTeXName), []byte(BibTeX(s)))
}

// Appendix is the figures as tables for LaTeX, to be read by \input in a document that
// loads booktabs: \usepackage{booktabs}. It compiles with pdfLaTeX.
func Appendix(s *Stats) []byte {
	var b bytes.Buffer
	d := s.Dataset
	fmt.Fprintf(&b, "%% Figures of a dataset, written by %s. In the preamble: \\usepackage{booktabs}\n", texComment(d.Software))
	b.WriteString("% In the text: \\input{appendix}, and \\cite{" + citeKey(d.Name) + "} with \\bibliography{dataset}\n")
	size := "\\small"
	table := func(columns, caption, label string, header []string, rows [][]string) {
		if len(rows) == 0 {
			return
		}
		fmt.Fprintf(&b, "\\begin{table}[htbp]\n\\centering%s\n\\caption{%s}\\label{tab:%s}\n\\begin{tabular}{%s}\n\\toprule\n", size, caption, label, columns)
		if header != nil {
			b.WriteString(strings.Join(header, " & ") + " \\\\\n\\midrule\n")
		}
		for _, r := range rows {
			b.WriteString(strings.Join(r, " & ") + " \\\\\n")
		}
		b.WriteString("\\bottomrule\n\\end{tabular}\n\\end{table}\n\n")
	}
	rows := [][]string{
		{"Version", tex(d.Version)}, {"Hash", "\\texttt{" + tex(d.Hash) + "}"}, {"Pairs", grouped(s.Pairs)}, {"\\quad to train on", grouped(d.Training)}, {"\\quad held out", grouped(d.HeldOut)},
		{"Different picture addresses", texEstimate(s.Distinct.ImageURLs)}, {"Different pictures", texEstimate(s.Distinct.Pictures)},
		{"Different texts", texEstimate(s.Distinct.Texts)}, {"Pages", texEstimate(s.Distinct.Pages)}, {"Hosts", texEstimate(s.Hosts.Count)},
		{"Registered domains", texEstimate(s.Domains.Count)}, {"Queries with pairs", grouped(s.Queries.WithPairs)}, {"Bytes of pictures", tex(bytesText(s.Bytes))},
	}
	if s.Crawled != nil {
		rows = append(rows, []string{"Pages read", tex(s.Crawled.First[:10]) + " to " + tex(s.Crawled.Last[:10])})
	}
	for _, side := range s.Sides {
		rows = append(rows, []string{fmt.Sprintf("Both sides of at least %d pixels", side.Pixels), tex(percent(side.Both, s.Pairs))})
	}
	table("lr", "The dataset "+tex(d.Name)+"~\\cite{"+citeKey(d.Name)+"}.", "dataset", nil, rows)

	rows = nil
	for _, t := range s.Stages {
		worst := ""
		if r := t.Reasons(); len(r) > 0 {
			worst = "\\texttt{" + tex(r[0]) + "}"
		}
		rows = append(rows, []string{tex(t.Stage), tex(t.Unit), grouped(t.In), grouped(t.Kept), tex(percent(t.Kept, t.In)), worst})
	}
	table("llrrrl", "What each stage kept, and the reason for which it dropped most.", "stages", []string{"Stage", "Unit", "In", "Kept", "Share", "Most dropped for"}, rows)

	rows = nil
	for _, dist := range s.Distributions {
		if dist.Count == 0 {
			continue
		}
		n := numberOf(dist)
		row := []string{tex(n.Name)}
		for _, v := range n.Values {
			row = append(row, tex(v))
		}
		rows = append(rows, row)
	}
	size = "\\scriptsize\\setlength{\\tabcolsep}{3pt}" // within a group: the next table has its own
	table("lrrrrrrrr", "Sizes and lengths.", "numbers", []string{"Number", "Least", "5\\%", "25\\%", "Median", "75\\%", "95\\%", "Most", "Mean"}, rows)

	size, rows = "\\small", nil
	for _, n := range s.TextLanguages[:min(15, len(s.TextLanguages))] {
		rows = append(rows, []string{tex(n.Name), grouped(n.Count), tex(percent(n.Count, s.Pairs))})
	}
	table("lrr", "Languages, as detected in the texts.", "languages", []string{"Language", "Pairs", "Share"}, rows)
	return b.Bytes()
}

// BibTeX is an entry for the dataset.
func BibTeX(s *Stats) string {
	d := s.Dataset
	var b strings.Builder
	fmt.Fprintf(&b, "@misc{%s,\n  key = {%s},\n  title = {{%s}: %s pairs of a picture and a text},\n", citeKey(d.Name), tex(d.Name), tex(d.Name), grouped(s.Pairs))
	if s.Crawled != nil {
		fmt.Fprintf(&b, "  year = {%s},\n", s.Crawled.Last[:4])
	}
	if d.URL != "" {
		fmt.Fprintf(&b, "  howpublished = {%s},\n", tex(d.URL))
	}
	fmt.Fprintf(&b, "  version = {%s},\n  note = {Version %s, hash %s; made with %s}\n}\n", tex(d.Version), tex(d.Version), tex(d.Hash), tex(d.Software))
	return b.String()
}

// citeKey is the name as a key of BibTeX.
func citeKey(name string) string {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ', r == '-', r == '_':
			return '-'
		}
		return -1
	}, name)
	if key = strings.Trim(key, "-"); key == "" {
		return "dataset"
	}
	return key
}

func texEstimate(e Estimate) string {
	if e.Exact {
		return grouped(e.Count)
	}
	return "$\\approx$ " + grouped(e.Count)
}

// texSpecial are the characters that mean something to TeX.
var texSpecial = map[rune]string{
	'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '$': `\$`, '&': `\&`, '#': `\#`, '_': `\_`, '%': `\%`,
	'^': `\textasciicircum{}`, '~': `\textasciitilde{}`, '<': `\textless{}`, '>': `\textgreater{}`, '|': `\textbar{}`, '"': "''",
	'≈': `$\approx$`, '–': `--`, '—': `---`, '’': `'`, '\u00a0': `~`,
}

// tex writes plain text for TeX. A character that pdfLaTeX has no letter for without
// further packages is written as its code point.
func tex(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch special, ok := texSpecial[r]; {
		case ok:
			b.WriteString(special)
		case r >= ' ' && r < 0x7f, r >= 0xc0 && r <= 0xff && !strings.ContainsRune("ÐÞðþ×÷", r):
			b.WriteRune(r)
		case unicode.IsSpace(r) || unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			b.WriteString("U+" + strings.ToUpper(strconv.FormatInt(int64(r), 16)))
		}
	}
	return b.String()
}

// texComment is a text for a comment of one line.
func texComment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
