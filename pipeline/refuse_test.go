package pipeline

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRefuse(t *testing.T) {
	const line = "url https://pictures.example/a.png\n"
	for _, tt := range []struct{ name, before, after string }{
		{"no list yet", "", line},
		{"a list", "# asked on Monday\nurl https://pictures.example/b.png\n", "# asked on Monday\nurl https://pictures.example/b.png\n" + line},
		{"a last line without its end", "host evil.example", "host evil.example\n" + line},
		{"it stands there", line + "# more\n", line + "# more\n"},
		{"it stands there with white space", "  url   https://pictures.example/a.png \n", "  url   https://pictures.example/a.png \n"},
		{"it is only mentioned", "# " + line, "# " + line + line},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, RefusedName)
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := Refuse(dir, "https://pictures.example/a.png"); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != tt.after {
				t.Errorf("%q, %v; want %q", got, err, tt.after)
			}
			if list, err := RefusedAddresses(dir); err != nil || !list["https://pictures.example/a.png"] {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
	for _, address := range []string{"", "https://a.example/\nhost b.example", "https://a.example/\rx"} {
		dir := t.TempDir()
		if err := Refuse(dir, address); err == nil || exists(filepath.Join(dir, RefusedName)) {
			t.Errorf("%q is put on the list", address)
		}
	}
}
