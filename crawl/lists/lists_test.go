package lists

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/places"
	"github.com/pairloom/pairloom/shard"
)

// result is what a list came to.
type result struct {
	rows    []shard.Candidate
	dropped map[string]int
}

// read reads all sources that the arguments name.
func read(t testing.TB, o Options, args ...string) (result, error) {
	t.Helper()
	sources, err := Sources(args, o)
	if err != nil {
		return result{}, err
	}
	r := result{dropped: map[string]int{}}
	for _, s := range sources {
		if s.Err != nil {
			return r, s.Err
		}
		err := Read(s, "set", o, Sink{
			Keep:    func(c *shard.Candidate) error { r.rows = append(r.rows, *c); return nil },
			Drop:    func(reason string) { r.dropped[reason]++ },
			Advance: func(int64) error { return nil },
		})
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// line says a candidate in short.
func line(c *shard.Candidate) string {
	text := strings.TrimPrefix(c.ImageURL, "http://127.0.0.1:10000/") + " | " + c.Text + " | " + c.Source
	if c.PictureAt != "" {
		p, err := places.Parse(c.PictureAt)
		text += " | " + p.Kind
		if err != nil {
			text += err.Error()
		}
	}
	for _, more := range []string{c.License, c.Language, c.More} {
		if more != "" {
			text += " | " + more
		}
	}
	return text
}

func counts(dropped map[string]int) string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		list = append(list, fmt.Sprintf("%s %d", reason, dropped[reason]))
	}
	return strings.Join(list, ", ")
}

const six = 6 // rows of most fixtures

// TestFormats imports each fixture and shows its first, its last and its number of
// candidates, and what was dropped.
func TestFormats(t *testing.T) {
	keep := func(names ...string) Options { return Options{Keep: names} }
	for _, tt := range []struct {
		file        string
		options     Options
		rows        int
		first, last string
		dropped     string
	}{
		{"urls.txt", Options{}, six, "0.png | a red square on grey | urls.txt:1", "5.png | white dots in a row | urls.txt:6", ""},
		{"laion.csv", keep("similarity"), six, `0.png | a red square on grey | laion.csv:2 | en | {"similarity":"0.05"}`, `5.png | white dots in a row | laion.csv:7 | en | {"similarity":"0.55"}`, ""},
		{"laion.csv.gz", Options{}, six, "0.png | a red square on grey | laion.csv.gz:2 | en", "5.png | white dots in a row | laion.csv.gz:7 | en", ""},
		{"laion.csv.bz2", Options{}, six, "0.png | a red square on grey | laion.csv.bz2:2 | en", "5.png | white dots in a row | laion.csv.bz2:7 | en", ""},
		{"utf16.csv", Options{}, six, "0.png | a red square on grey | utf16.csv:2 | en", "5.png | white dots in a row | utf16.csv:7 | en", ""},
		{"cc12m.tsv", Options{}, six, "0.png | a red square on grey | cc12m.tsv:1", "5.png | white dots in a row | cc12m.tsv:6", ""},
		{"cc3m.tsv", Options{}, six, "0.png | a red square on grey | cc3m.tsv:1", "5.png | white dots in a row | cc3m.tsv:6", ""},
		{"list.jsonl", keep("key"), six, `0.png | a red square on grey | list.jsonl:1 | {"key":"000000000"}`, `5.png | white dots in a row | list.jsonl:6 | {"key":"000000005"}`, ""},
		{"list.json", keep("similarity"), six, `0.png | a red square on grey | list.json:2 | {"similarity":0.0}`, `5.png | white dots in a row | list.json:32 | {"similarity":1.25}`, ""},
		{"laion.parquet", Options{KeepAll: true}, six,
			`0.png | a red square on grey | laion.parquet:0 | {"WIDTH":0,"similarity":0.5,"NSFW":"UNLIKELY","safe":true,"LICENSE":"?"}`,
			`5.png | white dots in a row | laion.parquet:5 | https://creativecommons.org/licenses/by/4.0/ | {"WIDTH":5,"similarity":3,"NSFW":"UNLIKELY","safe":true,"LICENSE":"https://creativecommons.org/licenses/by/4.0/"}`, ""},
		{"laion-zstd.parquet", keep("similarity"), six, `0.png | a red square on grey | laion-zstd.parquet:0 | {"similarity":0.5}`, `5.png | white dots in a row | laion-zstd.parquet:5 | https://creativecommons.org/licenses/by/4.0/ | {"similarity":3}`, ""},
		{"laion.arrow", keep("WIDTH", "safe"), six, `0.png | a red square on grey | laion.arrow:0 | {"WIDTH":0,"safe":true}`, `5.png | white dots in a row | laion.arrow:5 | https://creativecommons.org/licenses/by/4.0/ | {"WIDTH":5,"safe":true}`, ""},
		{"laion-zstd.arrow", keep("similarity"), six, `0.png | a red square on grey | laion-zstd.arrow:0 | {"similarity":0.5}`, `5.png | white dots in a row | laion-zstd.arrow:5 | https://creativecommons.org/licenses/by/4.0/ | {"similarity":3}`, ""},
		{"stream.arrow", Options{}, six, `0.png | a red square on grey | stream.arrow:0`, `5.png | white dots in a row | stream.arrow:5 | https://creativecommons.org/licenses/by/4.0/`, ""},
		{"web.tar", Options{}, 4, `list:set/web/train/s0 | a red square on grey | web.tar/train/s0 | bytes | {"key":"train/s0"}`, `3.png | the so-called "black" triangle | web.tar/train/s3 | bytes | cc-by | {"key":"train/s3"}`,
			"link 1, no_picture 1, no_text 1, repeated_key 1, unsafe_name 1"},
		{"i2d", keep("width"), six, `0.png | a red square on grey | 00000.tar/000000000 | bytes | {"key":"000000000","status":"success","error_message":null,"width":96}`,
			`4.png | an orange ring and its shadow | 00000.tar beside:4 | {"width":128,"key":"000000004","status":"failed_to_download","error_message":"<urlopen error timed out>"}`, ""},
		{"i2d-files", Options{}, six, `0.png | a red square on grey | i2d-files/00000/000000000.jpg | file | {"key":"000000000","status":"success","error_message":null}`,
			`4.png | an orange ring and its shadow | i2d-files beside:4 | {"key":"000000004","status":"failed_to_download","error_message":"<urlopen error timed out>"}`, ""},
		{"i2d-parquet", Options{}, six, `0.png | a red square on grey | 00000.parquet:0 | parquet | {"key":"000000000","status":"success","error_message":null}`,
			`5.png | white dots in a row | 00000.parquet:5 | parquet | {"key":"000000005","status":"success","error_message":null}`, ""},
		{"hf-embedded.parquet", Options{}, 5, `list:set/hf-embedded.parquet/0 | a red square on grey | hf-embedded.parquet:0 | parquet`, `list:set/hf-embedded.parquet/4 | an orange ring and its shadow | hf-embedded.parquet:4 | parquet`, "no_picture 1"},
		{"hf-paths.parquet", Options{}, 2, `list:set/hf-paths.parquet/pictures/0.png | a red square on grey | hf-paths.parquet:0 | file`, `list:set/hf-paths.parquet/pictures/1.png | two blue circles, one large | hf-paths.parquet:1 | file`,
			"missing_file 1, unsafe_name 2"},
		{"imagefolder", Options{}, 4, `list:set/imagefolder/train/0.png | a red square on grey | imagefolder/train/metadata.csv:2 | file`, `list:set/imagefolder/train/0.png | white dots in a row | imagefolder/train/metadata.csv:5 | file`, "missing_file 1, no_text 1"},
		{"beside", Options{}, 2, `list:set/beside/0.png | a red square on grey | beside/0.png | file | {"key":"0.png"}`, `list:set/beside/1.png | two blue circles, one large | beside/1.png | file | {"key":"1.png"}`, "no_text 1"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			r, err := read(t, tt.options, filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.rows) != tt.rows {
				t.Fatalf("%d candidates, want %d: %v", len(r.rows), tt.rows, r)
			}
			if got := line(&r.rows[0]); got != tt.first {
				t.Errorf("first\n%s, want\n%s", got, tt.first)
			}
			if got := line(&r.rows[len(r.rows)-1]); got != tt.last {
				t.Errorf("last\n%s, want\n%s", got, tt.last)
			}
			if got := counts(r.dropped); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}

// TestBadInput gives each text a name and reads it: what is dropped, or the error.
func TestBadInput(t *testing.T) {
	parquet, err := os.ReadFile("testdata/laion.parquet")
	if err != nil {
		t.Fatal(err)
	}
	arrow, err := os.ReadFile("testdata/laion.arrow")
	if err != nil {
		t.Fatal(err)
	}
	tar, err := os.ReadFile("testdata/web.tar")
	if err != nil {
		t.Fatal(err)
	}
	gz, err := os.ReadFile("testdata/laion.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, text string
		options          Options
		rows             int
		dropped, err     string
	}{
		{"missing column", "a.csv", "adress,caption\nhttp://a.example/1.png,cat\n", Options{URLColumn: "address"}, 0, "", "a.csv:1: it has no column address, only adress, caption; did you mean adress?"},
		{"no known column", "a.csv", "x,y\n1,2\n", Options{}, 0, "", "a.csv:1: none of its columns has a name that lists give to addresses (url, image_url, imageurl); it has x, y; name the column with --url-col"},
		{"missing column of JSON", "a.jsonl", "{\"x\":1}\n{\"x\":2}\n", Options{}, 0, "no_address 2", "a.jsonl: none of its columns"},
		{"no names, three columns", "a.tsv", "1\thttp://a.example/1.png\tcat\n", Options{}, 0, "", "which are numbered instead"},
		{"no names, three columns, one named", "a.tsv", "1\thttp://a.example/1.png\tcat\n", Options{TextColumn: "3"}, 1, "", ""},
		{"a quote that never closes", "a.csv", "url,text\nhttp://a.example/1.png,\"cat\nhttp://a.example/2.png,dog\n", Options{}, 1, "bad_quote 1", ""},
		{"a quote that closes late", "a.csv", "url,text\nhttp://a.example/1.png,\"a\ncat\"\nhttp://a.example/2.png,dog\n", Options{}, 2, "", ""},
		{"text behind a quote", "a.csv", "url,text\nhttp://a.example/1.png,\"cat\" x\nhttp://a.example/2.png,dog\n", Options{}, 1, "bad_quote 1", ""},
		{"quotes in TSV are text", "a.tsv", "http://a.example/1.png\t\"cat\" on a mat\nhttp://a.example/2.png\t\"dog\n", Options{}, 2, "", ""},
		{"a field too many and too few", "a.csv", "url,text\nhttp://a.example/1.png,cat, dog\nhttp://a.example/2.png\n\nhttp://a.example/3.png,fox\n", Options{}, 1, "columns 2", ""},
		{"NULs", "a.csv", "url,text\nhttp://a.example/1\x00.png,cat\nhttp://a.example/2.png,d\x00g\n", Options{Format: "csv"}, 0, "nul 2", ""},
		{"a byte order mark", "a.csv", "\xef\xbb\xbfurl,text\nhttp://a.example/1.png,cat\n", Options{}, 1, "", ""},
		{"UTF-16 without a mark", "a.csv", "u\x00r\x00l\x00,\x00t\x00e\x00x\x00t\x00\n\x00h\x00t\x00t\x00p\x00:\x00/\x00/\x00a\x00.\x00b\x00/\x00,\x00c\x00\n\x00", Options{}, 1, "", ""},
		{"Latin-1 among UTF-8", "a.csv", "url,text\nhttp://a.example/1.png,caf\xe9\nhttp://a.example/2.png,café\n", Options{}, 1, "bad_encoding 1", ""},
		{"Latin-1 by name", "a.csv", "url,text\nhttp://a.example/1.png,caf\xe9\n", Options{Encoding: "latin1"}, 1, "", ""},
		{"paths and data:", "a.csv", "url,text\n/data/1.png,cat\nC:\\p\\1.png,cat\nfile:///1.png,cat\n1.png,cat\ndata:image/png;base64,cat\n\"data:image/png;base64,AAAA\",cat\nftp://a/1.png,cat\n,cat\nhttp://a.example/1.png, \n", Options{}, 0,
			"bad_address 1, data_address 2, file_path 4, no_address 1, no_text 1", ""},
		{"10 million columns", "a.csv", strings.Repeat("a,", 10_000_000) + "\n", Options{}, 0, "", "a.csv:1: the first line, of the columns' names, cannot be read: it is longer than 1 MiB"},
		{"20,000 columns", "a.csv", strings.Repeat("a,", 20_000) + "\n", Options{}, 0, "", "more than 10000 columns"},
		{"an absurdly long row", "a.tsv", "http://a.example/1.png\t" + strings.Repeat("a", 3<<20) + "\nhttp://a.example/2.png\tcat\n", Options{Format: "tsv"}, 0, "", "a.tsv:1: the first line"},
		{"an absurdly long row behind", "a.tsv", "http://a.example/2.png\tcat\nhttp://a.example/1.png\t" + strings.Repeat("a", 3<<20) + "\nhttp://a.example/3.png\tcat", Options{}, 2, "too_long 1", ""},
		{"an absurdly long text and address", "a.tsv", "http://a.example/2.png\tcat\nhttp://a.example/1.png\t" + strings.Repeat("a", 70<<10) + "\nhttp://a.example/" + strings.Repeat("a", 5000) + "\tcat\n", Options{}, 1, "too_long 2", ""},
		{"empty", "a.csv", "", Options{}, 0, "", ""},
		{"empty txt", "a.txt", "\n\n", Options{}, 0, "", ""},
		{"addresses alone", "a.txt", "http://a.example/1.png\nhttp://a.example/2.png\n", Options{}, 0, "no_text 2", ""},
		{"broken JSON lines", "a.jsonl", "{\"url\":\"http://a.example/1.png\",\"text\":\"cat\"}\n{\"url\":\n[1]\nnull\n{\"url\":5,\"text\":\"cat\"}\n{\"url\":\"http://a.example/2.png\",\"text\":[\"a\"]}\n{\"text\":\"cat\",\"url\":null}\n", Options{}, 1, "bad_json 3, no_address 1, not_text 2", ""},
		{"one object over several lines", "a.json", "{\n \"url\": \"http://a.example/1.png\",\n \"text\": \"cat\"\n}\n", Options{}, 1, "", ""},
		{"JSON by columns", "a.json", "{\"url\":{\"0\":\"http://a.example/1.png\"},\n \"text\":{\"0\":\"cat\"}}\n", Options{}, 0, "", "a.json:1: an array of objects is expected"},
		{"JSON of columns", "a.json", "[1,2]", Options{}, 0, "", "a.json:1: it is no array of JSON objects"},
		{"JSON cut off", "a.json", "[{\"url\":\"http://a.example/1.png\",\"text\":\"cat\"},\n{\"url\":\"http", Options{}, 1, "", "a.json:2: an object that begins here is not closed"},
		{"an absurdly long object", "a.json", "[{\"url\":\"http://a.example/1.png\",\"text\":\"cat\"},{\"x\":\"" + strings.Repeat("}", 3<<20) + "\"},{\"url\":\"http://a.example/2.png\",\"text\":\"cat\"}]", Options{}, 2, "too_long 1", ""},
		{"Parquet cut in half", "a.parquet", string(parquet[:len(parquet)/2]), Options{}, 0, "", "a.parquet: it is no whole Parquet file"},
		{"Arrow cut in half", "a.arrow", string(arrow[:len(arrow)/2]), Options{}, 0, "", "it is cut off or damaged"},
		{"a tar cut off", "a.tar", string(tar[:5000]), Options{}, 1, "no_text 1", "a.tar: its end is missing"},
		{"a tar cut off in a picture", "a.tar", string(tar[:4500]), Options{}, 0, "", "a.tar: its member \"train/s1.png\" claims"},
		{"gzip cut off", "a.csv.gz", string(gz[:len(gz)/2]), Options{Format: "csv"}, -1, "columns 1", "cut off or damaged: get it again"},
		{"xz", "a.csv.xz", "\xfd7zXZ\x00\x00", Options{}, 0, "", "a.csv.xz: xz is not read"},
		{"a column to keep that is not there", "a.csv", "url,text\nhttp://a.example/1.png,cat\n", Options{Keep: []string{"nope"}}, 0, "", "it has no column nope, only url, text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(path, []byte(tt.text), 0o666); err != nil {
				t.Fatal(err)
			}
			r, err := read(t, tt.options, path)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Count(err.Error(), path) != 1) {
				t.Errorf("error %v, want %q and the file's path once", err, tt.err)
			}
			if tt.rows >= 0 && len(r.rows) != tt.rows {
				t.Errorf("%d candidates, want %d: %v", len(r.rows), tt.rows, r.rows)
			}
			if got := counts(r.dropped); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}
