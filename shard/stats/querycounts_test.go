package stats

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestQueryCountsComeBack(t *testing.T) {
	folder := t.TempDir()
	want := []QueryCount{
		{0, `a "quoted", name`, 9, 3, 5},
		{7, "red fox", 2, 2, 2},
		{1 << 31, "狗", 1, 0, 0},
	}
	all := slices.Insert(slices.Clone(want), 1, QueryCount{3, "no pair", 0, 0, 0})
	if err := WriteQueryCounts(folder, slices.Values(all)); err != nil {
		t.Fatal(err)
	}
	got, err := ReadQueryCounts(folder)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v; want %v", got, err, want)
	}
	data, err := os.ReadFile(filepath.Join(folder, QueryCountsName))
	if err != nil || !strings.HasPrefix(string(data), "query_id,query,before,own,after\n0,\"a \"\"quoted\"\", name\",9,3,5\n") {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestDamagedQueryCounts(t *testing.T) {
	const header = "query_id,query,before,own,after\n"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "record 1: EOF"},
		{"other header", "id,query,before,own,after\n", "record 1: the header is"},
		{"short line", header + "1,fox,3\n", "record 2: record on line 2: wrong number of fields"},
		{"no number", header + "1,fox,3,2,2\nx,dog,1,1,1\n", `record 3: query_id "x"`},
		{"negative", header + "1,fox,3,-1,2\n", `own "-1" is not a count`},
		{"more after than before", header + "1,fox,3,2,4\n", "must not rise"},
		{"order", header + "2,fox,3,2,2\n1,dog,1,1,1\n", "query 1 follows query 2"},
		{"open quote", header + "1,\"fox,3,2,2\n", "record 2: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, QueryCountsName)
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadQueryCounts(folder)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "pairloom curate") {
				t.Errorf("error is %v, want %q, the file and the cure", err, tt.want)
			}
		})
	}
	if _, err := ReadQueryCounts(t.TempDir()); err == nil || !strings.Contains(err.Error(), "pairloom curate") {
		t.Errorf("error is %v, want the cure", err)
	}
}
