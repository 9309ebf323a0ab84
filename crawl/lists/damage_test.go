package lists

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestDamagedFiles flips bytes of files, and cuts them off, all over: each ends in rows
// and an error that names it, or in rows alone, and makes no room for what damaged
// numbers claim.
func TestDamagedFiles(t *testing.T) {
	const most = 512 << 20 // bytes allocated for one file: a page or buffer may unpack to 64 MiB
	for _, name := range []string{"laion.parquet", "laion-zstd.parquet", "hf-embedded.parquet", "laion.arrow", "laion-zstd.arrow", "stream.arrow", "web.tar", "laion.csv.gz"} {
		t.Run(name, func(t *testing.T) {
			whole, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), name)
			format, err := formatOf(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			step := max(1, len(whole)/150)
			for at := 0; at < len(whole); at += step {
				flipped := append([]byte(nil), whole...)
				flipped[at] ^= 0xff
				for kind, data := range map[string][]byte{"flipped": flipped, "cut": whole[:at]} {
					if err := os.WriteFile(path, data, 0o666); err != nil {
						t.Fatal(err)
					}
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					err := Read(Source{Path: path, Label: "x", Format: format}, "set", Options{KeepAll: true}, Sink{
						Keep: func(c *shard.Candidate) error {
							if c.Text == "" || c.ImageURL == "" {
								return fmt.Errorf("candidate %+v", c)
							}
							return nil
						},
						Drop: func(string) {}, Advance: func(int64) error { return nil },
					})
					runtime.ReadMemStats(&after)
					if err != nil && !strings.HasPrefix(err.Error(), path+":") {
						t.Fatalf("%s at %d: %v", kind, at, err)
					}
					if made := after.TotalAlloc - before.TotalAlloc; made > most {
						t.Errorf("%s at %d: %d bytes were allocated: %v", kind, at, made, err)
					}
				}
			}
		})
	}
}

// BenchmarkRead is the reading alone, without the part that is written.
func BenchmarkRead(b *testing.B) {
	for _, format := range []string{"csv", "tsv", "jsonl"} {
		b.Run("format="+format, func(b *testing.B) {
			const rows = 50_000
			var text strings.Builder
			if format == "csv" {
				text.WriteString("url,text\n")
			}
			layout := map[string]string{
				"csv": "https://shop%d.example/media/%d/picture.jpg,a vintage wooden chair in the garden number %d\n", "tsv": "https://shop%d.example/media/%d/picture.jpg\ta vintage wooden chair in the garden number %d\n",
				"jsonl": "{\"url\":\"https://shop%d.example/media/%d/picture.jpg\",\"text\":\"a vintage wooden chair in the garden number %d\"}\n",
			}[format]
			for i := range rows {
				fmt.Fprintf(&text, layout, i%500, i, i)
			}
			path := filepath.Join(b.TempDir(), "x."+format)
			if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if r, err := read(b, Options{}, path); err != nil || len(r.rows) != rows {
					b.Fatalf("%d rows, %v", len(r.rows), err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
