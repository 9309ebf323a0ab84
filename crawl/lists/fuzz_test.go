package lists

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pairloom/pairloom/shard"
)

// fuzzRead reads data as a file of a format: whatever it holds, each candidate is what
// a candidate must be, and reading it again gives the same.
func fuzzRead(f *testing.F, format string, seeds ...string) {
	for _, seed := range seeds {
		data, err := os.ReadFile(filepath.Join("testdata", seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		path := filepath.Join(t.TempDir(), "x."+format)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		var lines [2][]string
		for i := range lines {
			err := Read(Source{Path: path, Label: "x", Format: format}, "set", Options{KeepAll: true}, Sink{
				Keep: func(c *shard.Candidate) error {
					if c.Text == "" || !utf8.ValidString(c.Text) || strings.ContainsAny(c.Text, "\x00\n") || c.ImageURL == "" {
						t.Errorf("candidate %+v", c)
					}
					if !strings.HasPrefix(c.ImageURL, "http://") && !strings.HasPrefix(c.ImageURL, "https://") && !(strings.HasPrefix(c.ImageURL, "list:") && c.PictureAt != "") {
						t.Errorf("address %q", c.ImageURL)
					}
					if c.More != "" && !json.Valid([]byte(c.More)) {
						t.Errorf("more %q", c.More)
					}
					lines[i] = append(lines[i], line(c))
					return nil
				},
				Drop:    func(reason string) { lines[i] = append(lines[i], reason) },
				Advance: func(int64) error { return nil },
			})
			if err != nil {
				lines[i] = append(lines[i], err.Error())
			}
		}
		if !slices.Equal(lines[0], lines[1]) {
			t.Errorf("read twice: %q, then %q", lines[0], lines[1])
		}
	})
}

func FuzzCSV(f *testing.F)     { fuzzRead(f, "csv", "laion.csv") }
func FuzzTSV(f *testing.F)     { fuzzRead(f, "tsv", "cc12m.tsv", "cc3m.tsv") }
func FuzzTxt(f *testing.F)     { fuzzRead(f, "txt", "urls.txt") }
func FuzzLines(f *testing.F)   { fuzzRead(f, "jsonl", "list.jsonl") }
func FuzzArray(f *testing.F)   { fuzzRead(f, "json", "list.json") }
func FuzzTar(f *testing.F)     { fuzzRead(f, "tar", "web.tar") }
func FuzzParquet(f *testing.F) { fuzzRead(f, "parquet", "laion-zstd.parquet", "hf-embedded.parquet") }
func FuzzArrow(f *testing.F)   { fuzzRead(f, "arrow", "laion-zstd.arrow", "stream.arrow") }

// FuzzTable holds our cutting of CSV against the standard library's, where that finds
// nothing wrong.
func FuzzTable(f *testing.F) {
	f.Add("a,b\n\"c\nd\",\"e\"\"f\"\r\n\n,x\n")
	f.Fuzz(func(t *testing.T, text string) { sameRecords(t, text) })
}

func sameRecords(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsRune(text, '\r') { // which the library takes out of fields
		return
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	want, err := r.ReadAll()
	if err != nil {
		return
	}
	in := table{lines: newLines(strings.NewReader(text)), separator: ','}
	for _, record := range want {
		reason, ok := in.next()
		var got []string
		for _, field := range in.fields {
			got = append(got, string(field))
		}
		if !ok || reason != "" || !slices.Equal(got, record) {
			t.Fatalf("%q: %q %s, want %q", text, got, reason, record)
		}
	}
	if _, ok := in.next(); ok {
		t.Errorf("%q has more than %d records", text, len(want))
	}
}

// FuzzMembers holds our cutting of objects against the standard library's.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":"b\n","c":{"d":[1,"}"]},"e":null , "f" : -1.5e3}`))
	f.Fuzz(sameMembers)
}

func sameMembers(t *testing.T, object []byte) {
	object = bytes.TrimSpace(object)
	var want map[string]json.RawMessage
	if len(object) == 0 || object[0] != '{' || !utf8.Valid(object) || json.Unmarshal(object, &want) != nil {
		return
	}
	got := map[string]json.RawMessage{}
	for _, m := range members(nil, object) {
		got[string(m.name)] = m.value
	}
	if len(got) != len(want) {
		t.Fatalf("%q: %d members, want %d", object, len(got), len(want))
	}
	for name, value := range want {
		if !bytes.Equal(got[name], value) {
			t.Errorf("%q: %q is %q, want %q", object, name, got[name], value)
		}
	}
}

// TestRandomTextsAreCutAsTheStandardLibraryDoes asks the same of texts of the characters
// that matter, drawn by a seed.
func TestRandomTextsAreCutAsTheStandardLibraryDoes(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	draw := func(alphabet []string) string {
		var b strings.Builder
		for range r.IntN(14) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	for range 40_000 {
		sameRecords(t, draw([]string{`"`, `""`, ",", "\n", "a", "b c", "é"}))
		sameMembers(t, []byte("{"+draw([]string{`"a":`, `"b\\"":`, `"}"`, "{", "}", "[", "]", ",", `"x\u00e9"`, "1.5", "null", "true", " ", "\n"})+"}"))
	}
	t.Logf("seed %d", seed)
}
