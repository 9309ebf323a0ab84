package frontier

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/shard"
)

// ReadCandidates calls visit for each candidate of all pages that were read, also while a
// crawl runs. It only reads. When the file changes meanwhile it begins anew, and calls
// begin before.
func ReadCandidates(path string, begin func(), visit func(*shard.Candidate) error) error {
	return look(path, func(db *sql.DB) error {
		begin()
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer dec.Close()
		rows, err := db.Query("SELECT url, data FROM pages JOIN texts ON page = id")
		if err != nil {
			return fmt.Errorf("read candidates of %s: %w", path, err)
		}
		defer rows.Close()
		for rows.Next() {
			var page string
			var data sql.RawBytes
			if err := rows.Scan(&page, &data); err != nil {
				return fmt.Errorf("read candidates of %s: %w", path, err)
			}
			plain, err := dec.DecodeAll(data, nil)
			var candidates []shard.Candidate
			if err == nil {
				err = json.Unmarshal(plain, &candidates)
			}
			if err != nil {
				return fmt.Errorf("read candidates of %s: page %s: %w", path, page, err)
			}
			for i := range candidates {
				candidates[i].PageURL = page
				if err := visit(&candidates[i]); err != nil {
					return err
				}
			}
		}
		return rows.Err()
	})
}
