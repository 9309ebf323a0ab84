package export

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/compress"
)

// TestPagesOfTables holds that pages are compressed as the library does it, byte for
// byte, without the megabytes that it takes for each.
func TestPagesOfTables(t *testing.T) {
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	own, is := codec.(tableZstd)
	if !is {
		t.Fatalf("zstd of tables is %T", codec)
	}
	buffer := make([]byte, 0, 2*pageBytes)
	for _, tt := range []struct {
		name  string
		plain []byte
		level int
	}{
		{"nothing", nil, tableLevel},
		{"a letter", []byte("a"), tableLevel},
		{"texts", bytes.Repeat([]byte("a fox at the wall, "), 1000), tableLevel},
		{"a whole page", bytes.Repeat([]byte("a fox at the wall, "), pageBytes/19), tableLevel},
		{"another level", bytes.Repeat([]byte("a fox at the wall, "), 1000), 9},
	} {
		want := own.Codec.EncodeLevel(nil, tt.plain, tt.level)
		if got := codec.EncodeLevel(buffer, tt.plain, tt.level); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, the library gives %d, or others", tt.name, len(got), len(want))
		}
		if tt.level != tableLevel {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { codec.EncodeLevel(buffer, tt.plain, tt.level) }); n > 1 {
			t.Errorf("%s: %v allocations a page", tt.name, n)
		}
	}
}
