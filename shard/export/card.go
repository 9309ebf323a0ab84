package export

import (
	"fmt"
	"strings"
)

// readme is the card of a repository: in YAML what the hub and datasets go by, then the
// text. Where the text brings YAML along, that stays, but for the keys that say where the
// data lie and what columns they have.
func (r *running) readme() ([]byte, error) {
	head, body := frontMatter(string(r.Card))
	if body == "" {
		body = r.plainCard()
	}
	var b strings.Builder
	b.WriteString("---\n")
	b.WriteString(without(head, "configs", "dataset_info"))
	if len(r.plan) == 0 { // of what is not there, nothing is said
		b.WriteString("---\n\n" + strings.TrimLeft(body, "\n"))
		return []byte(b.String()), nil
	}
	b.WriteString("configs:\n- config_name: default\n  data_files:\n")
	for _, split := range r.o.splits() {
		if r.out.Pairs[split] > 0 {
			fmt.Fprintf(&b, "  - split: %s\n    path: data/%[1]s-*\n", split)
		}
	}
	b.WriteString("dataset_info:\n  features:\n")
	for _, c := range r.columns {
		key := "dtype"
		if c.kind == kindUint32s {
			key = "list"
		}
		fmt.Fprintf(&b, "  - name: %s\n    %s: %s\n", c.name, key, c.kind.dtype())
	}
	b.WriteString("  splits:\n")
	for _, split := range r.o.splits() {
		if n := r.out.Pairs[split]; n > 0 {
			fmt.Fprintf(&b, "  - name: %s\n    num_bytes: %d\n    num_examples: %d\n", split, r.bytesOf(split), n)
		}
	}
	b.WriteString("---\n\n")
	b.WriteString(strings.TrimLeft(body, "\n"))
	return []byte(b.String()), nil
}

// plainCard is the text where there is none yet.
func (r *running) plainCard() string {
	var b strings.Builder
	b.WriteString("# Pictures with their texts\n\nMade by pairloom. Pairs:\n\n| split | pairs |\n|---|---|\n")
	for _, split := range r.o.splits() {
		if n := r.out.Pairs[split]; n > 0 {
			fmt.Fprintf(&b, "| %s | %d |\n", split, n)
		}
	}
	b.WriteString("\nThe pictures belong to who made them: `license` and `credit` are what page and picture say of that, `page_url` is where they stand.\n")
	return b.String()
}

// frontMatter parts the YAML at the head of a text from the rest.
func frontMatter(text string) (yaml, body string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	rest, is := strings.CutPrefix(text, "---\n")
	if !is {
		return "", text
	}
	yaml, body, is = strings.Cut("\n"+rest, "\n---\n")
	if !is {
		return "", text
	}
	return strings.TrimPrefix(yaml, "\n") + "\n", body
}

// without leaves keys at the top of YAML out, with what belongs to them: the lines after
// that are indented, or elements of a list.
func without(yaml string, keys ...string) string {
	var b strings.Builder
	out := false
	for line := range strings.Lines(yaml) {
		if key, _, is := strings.Cut(line, ":"); is && !strings.ContainsAny(line[:1], " -#\t") {
			out = false
			for _, k := range keys {
				out = out || key == k
			}
		}
		if !out && strings.TrimSpace(line) != "" {
			b.WriteString(line)
		}
	}
	return b.String()
}
