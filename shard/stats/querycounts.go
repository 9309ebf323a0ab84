package stats

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// QueryCountsName is the file beside the selection's parts that tells what
// balancing did to each query.
const QueryCountsName = "queries.csv"

// queryCountsHeader are the columns of that file.
var queryCountsHeader = []string{"query_id", "query", "before", "own", "after"}

// QueryCount is a line of it.
type QueryCount struct {
	ID     uint32 `json:"query_id"`
	Query  string `json:"query"`
	Before int64  `json:"before"` // pairs that have the query
	Own    int64  `json:"own"`    // of these, kept by the query itself
	After  int64  `json:"after"`  // of these, kept by this query or another
}

// WriteQueryCounts writes the counts of queries that have a pair, ascending by
// id, to folder/queries.csv, whole or not at all.
func WriteQueryCounts(folder string, counts iter.Seq[QueryCount]) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(queryCountsHeader)
	for c := range counts {
		if c.Before == 0 {
			continue
		}
		w.Write([]string{
			strconv.FormatUint(uint64(c.ID), 10), c.Query,
			strconv.FormatInt(c.Before, 10), strconv.FormatInt(c.Own, 10), strconv.FormatInt(c.After, 10),
		})
	}
	w.Flush() // into memory: no error
	return atomicfile.WriteFile(filepath.Join(folder, QueryCountsName), b.Bytes())
}

// ReadQueryCounts reads folder/queries.csv.
func ReadQueryCounts(folder string) ([]QueryCount, error) {
	const cure = "run pairloom curate again, which writes it"
	path := filepath.Join(folder, QueryCountsName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read counts of queries: %w; delete %s beside it and %s", err, shard.ManifestName, cure)
	}
	if err != nil {
		return nil, fmt.Errorf("read counts of queries: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord, r.ReuseRecord = len(queryCountsHeader), true
	var counts []QueryCount
	for line := 1; ; line++ {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) && line > 1 {
			return counts, nil
		}
		var c QueryCount
		switch {
		case err != nil:
		case line > 1:
			c, err = parseQueryCount(fields)
		case strings.Join(fields, ",") != strings.Join(queryCountsHeader, ","):
			err = fmt.Errorf("the header is %q, not %q", strings.Join(fields, ","), strings.Join(queryCountsHeader, ","))
		}
		if err == nil && len(counts) > 0 && line > 1 && c.ID <= counts[len(counts)-1].ID {
			err = fmt.Errorf("query %d follows query %d", c.ID, counts[len(counts)-1].ID)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: record %d: %w; delete it and %s beside it, and %s", path, line, err, shard.ManifestName, cure)
		}
		if line > 1 {
			counts = append(counts, c)
		}
	}
}

func parseQueryCount(fields []string) (QueryCount, error) {
	id, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return QueryCount{}, fmt.Errorf("query_id %q is not a number below 2^32", fields[0])
	}
	c := QueryCount{ID: uint32(id), Query: strings.Clone(fields[1])}
	for i, to := range []*int64{&c.Before, &c.Own, &c.After} {
		if *to, err = strconv.ParseInt(fields[2+i], 10, 64); err != nil || *to < 0 {
			return QueryCount{}, fmt.Errorf("%s %q is not a count", queryCountsHeader[2+i], fields[2+i])
		}
	}
	if c.Before < c.After || c.After < c.Own {
		return QueryCount{}, fmt.Errorf("query %d has %d pairs before, %d of its own and %d after; they must not rise from before to after to own", c.ID, c.Before, c.Own, c.After)
	}
	return c, nil
}
