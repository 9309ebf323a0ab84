package conformance

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// update writes what was measured to docs/equality.md.
var update = flag.Bool("update", false, "write docs/equality.md anew")

// RelativeError is |got-want| / |want|, both lengths of whole tensors. It is
// infinite where a number is missing or not one, or where a zero tensor is not
// met exactly.
func RelativeError(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var difference, length float64
	for i, w := range want {
		difference += (float64(got[i]) - float64(w)) * (float64(got[i]) - float64(w))
		length += float64(w) * float64(w)
	}
	switch e := math.Sqrt(difference / length); {
	case difference == 0:
		return 0
	case math.IsNaN(e):
		return math.Inf(1)
	default:
		return e
	}
}

// Report replaces a section of docs/equality.md by a table of the given rows,
// the first of which is its head, below lines that say what it shows. Without
// -update it does nothing.
func Report(t *testing.T, section string, rows [][]string, lines ...string) {
	t.Helper()
	if !*update {
		return
	}
	var b strings.Builder
	b.WriteString("## " + strings.ToUpper(section[:1]) + section[1:] + "\n\n")
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	path := filepath.Join("docs", "equality.md")
	for range 5 { // up to the repository's root
		if _, err := os.Stat(path); err == nil {
			break
		}
		path = filepath.Join("..", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.QuoteMeta("<!-- " + section + " -->\n")
	place := regexp.MustCompile(head + `(?s:.*?)` + regexp.QuoteMeta("<!-- end -->"))
	if !place.Match(text) {
		t.Fatalf("%s has no place for %q", path, section)
	}
	text = place.ReplaceAllLiteral(text, []byte("<!-- "+section+" -->\n"+b.String()+"<!-- end -->"))
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
