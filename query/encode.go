package query

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Encode writes a list as Read takes it: the header's lines without "# ", then
// the entries. The bytes depend on the arguments alone. An entry that Read would
// refuse is an error.
func Encode(w io.Writer, header []string, entries []Entry) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("write query list: %w", err)
	}
	lines := bufio.NewWriterSize(z, 1<<20)
	fmt.Fprintln(lines, formatLine)
	for _, h := range header {
		if strings.ContainsAny(h, "\r\n") {
			return fmt.Errorf("write query list: the header line %q holds a line break", h)
		}
		fmt.Fprintf(lines, "# %s\n", h)
	}
	for i, e := range entries {
		line := fmt.Sprintf("%s\t%s\t%d", e.Text, e.Source, e.Count)
		back, err := parseEntry(line)
		if err == nil && (back != e || strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, "# ")) {
			err = fmt.Errorf("%q cannot be written as a line", e.Text)
		}
		if err != nil {
			return fmt.Errorf("write query list: entry %d: %w", i, err)
		}
		lines.WriteString(line)
		lines.WriteByte('\n')
	}
	if err := lines.Flush(); err != nil {
		return fmt.Errorf("write query list: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write query list: %w", err)
	}
	return nil
}

// WriteFile encodes a list into the file at path, whole or not at all.
func WriteFile(path string, header []string, entries []Entry) error {
	return atomicfile.WriteStream(path, func(w io.Writer) error { return Encode(w, header, entries) })
}

// Facts are the header's values under a key, such as "source" or "date".
func (l *List) Facts(key string) []string {
	var values []string
	for _, h := range l.Header {
		if v, ok := strings.CutPrefix(h, key+": "); ok {
			values = append(values, v)
		}
	}
	return values
}
