package shard

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// rowsOf lists the columns as docs/formats.md writes them, up to the meaning.
func rowsOf(columns []column) []string {
	types := map[kind]string{
		kindString: "string", kindBytes: "binary", kindInt32: "int32", kindInt64: "int64",
		kindUint32: "uint32", kindUint64: "uint64", kindUint32List: "list<uint32>",
	}
	var rows []string
	for _, c := range columns {
		rows = append(rows, fmt.Sprintf("| `%s` | %s |", c.name, types[c.kind]))
	}
	return rows
}

func TestFormatsPageDescribesTheSchemas(t *testing.T) {
	page, err := os.ReadFile("docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n### ")[1:]
	for _, tt := range []struct {
		section string
		want    []string
	}{
		{"candidates/", rowsOf(candidateColumns)},
		{"matched/", rowsOf(matchedColumns[:len(matchedColumns)-len(candidateColumns)])},
		{"images/", rowsOf(imageColumns)},
		{"selection/", rowsOf(selectionColumns)},
		{"shards/shard-", rowsOf(pairColumns)},
		{"shards/_deleted-", rowsOf(deletionColumns)},
		{"shards/_index-", rowsOf(placeColumns)},
		{"checkpoints/seen-", rowsOf(seenColumns)},
	} {
		t.Run(tt.section, func(t *testing.T) {
			for _, s := range sections {
				if !strings.HasPrefix(s, tt.section) {
					continue
				}
				var got []string
				for line := range strings.Lines(s) {
					cells := strings.Split(line, " | ")
					if strings.HasPrefix(line, "| `") && len(cells) == 3 && !strings.Contains(cells[1], " ") && cells[1] != "" {
						got = append(got, cells[0]+" | "+cells[1]+" |")
					}
				}
				if a, b := strings.Join(got, "\n"), strings.Join(tt.want, "\n"); !strings.HasPrefix(a, b) {
					t.Errorf("docs/formats.md says\n%s\nthe schema is\n%s", a, b)
				}
				return
			}
			t.Errorf("docs/formats.md has no section on %s", tt.section)
		})
	}
}

// TestFormatsPageKnowsTheVersion: the page names today's version, and what it brought.
func TestFormatsPageKnowsTheVersion(t *testing.T) {
	page, err := os.ReadFile("docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("now `%d` |", SchemaVersion),
		fmt.Sprintf("\n| %d | ", SchemaVersion),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/formats.md lacks %q", want)
		}
	}
}
