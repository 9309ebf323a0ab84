package browse

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestAFileThatIsCutShort: what is shown of a file that was cut in its place while it was
// open is an error that names it, and the page goes on.
func TestAFileThatIsCutShort(t *testing.T) {
	for _, folder := range []string{shard.ImagesFolder, shard.ShardsFolder} {
		t.Run(folder, func(t *testing.T) {
			f := foxes()
			dir := filepath.Join(t.TempDir(), "foxes")
			writeDataset(t, dir, f)
			s := serverOf(t, dir, nil)
			parts, err := filepath.Glob(filepath.Join(dir, folder, "*.arrow"))
			if err != nil || len(parts) == 0 {
				t.Fatal(parts, err)
			}
			for _, path := range parts {
				if err := os.Truncate(path, 64); err != nil {
					t.Fatal(err)
				}
			}
			failed := 0
			for _, p := range f {
				for _, path := range []string{"/pair/" + p.id(), "/picture/" + p.id(), "/stored/" + shard.FormatPairID(shard.ImageID(p.image)), "/?q=is:any"} {
					w := get(s, path)
					if w.Code == http.StatusInternalServerError {
						failed++
						if body := w.Body.String(); !strings.Contains(body, folder+"/") || !strings.Contains(body, ".arrow") {
							t.Errorf("%s does not name the file: %s", path, body)
						}
					}
				}
			}
			if failed == 0 {
				t.Error("nothing says that a file cannot be read")
			}
			if w := get(s, "/queries"); w.Code != http.StatusOK {
				t.Errorf("what is in memory: status %d", w.Code)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		})
	}
}
