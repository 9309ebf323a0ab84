package lines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "labels.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"lines", "fox\nbear\n", "1 fox|2 bear"},
		{"no end", "fox\nbear", "1 fox|2 bear"},
		{"CRLF", "fox\r\nbear\r\n", "1 fox|2 bear"},
		{"byte order mark", "\uFEFFfox\nbear", "1 fox|2 bear"},
		{"mark and CRLF", "\uFEFFfox\r\n\r\nbear", "1 fox|3 bear"},
		{"mark alone", "\uFEFF", ""},
		{"a mark elsewhere is text", "fox\n\uFEFFbear", "1 fox|2 \uFEFFbear"},
		{"blank lines", "\n\n fox \n \t \nbear\n\n", "3 fox|5 bear"},
		{"tab within", "n01\tred fox\n", "1 n01\tred fox"},
		{"U+FFFD is text", "\uFFFD", "1 \uFFFD"},
		{"Latin-1", "fox\nb\xE4r\n", `!line 2 is not UTF-8 ("b\xe4r" has the byte 0xE4); save the file as UTF-8`},
		{"UTF-16", "\xFF\xFEf\x00", "!line 1 is not UTF-8"},
		{"cut within a character", "b\xC3", "!line 1 is not UTF-8"},
		{"longest line", strings.Repeat("a", MaxBytes-1), "1 " + strings.Repeat("a", MaxBytes-1)},
		{"too long", "fox\n" + strings.Repeat("a", MaxBytes), "!line 2: bufio.Scanner: token too long; a line may have 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.text)
			list, err := Read(path)
			if want, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want %q and the file in it", err, want)
				}
				return
			}
			var got []string
			for _, l := range list {
				got = append(got, fmt.Sprintf("%d %s", l.Number, l.Text))
			}
			if all := strings.Join(got, "|"); err != nil || all != tt.want {
				t.Errorf("got %.100q, %v", all, err)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestEach holds that the caller sees what Read skips and refuses.
func TestEach(t *testing.T) {
	var got []string
	for l, err := range Each(strings.NewReader("\uFEFFfox\r\n\nb\xE4r\ncat")) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %q %v", l.Number, l.Text, l.Check() == nil))
		if l.Number == 3 {
			break
		}
	}
	if all := strings.Join(got, "|"); all != `1 "fox" true|2 "" true|3 "b\xe4r" false` {
		t.Errorf("got %s", all)
	}
	fault, last := errors.New("disk"), error(nil)
	for _, err := range Each(iotest.ErrReader(fault)) {
		last = err
	}
	if !errors.Is(last, fault) {
		t.Errorf("a disk fault is %v", last)
	}
}
