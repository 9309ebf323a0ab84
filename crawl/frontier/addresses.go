package frontier

import (
	"database/sql"
	"fmt"
)

// ReadAddresses calls visit for each page that is known, read or not, and where it
// redirects to, "" for one that does not. It only reads. When the file changes meanwhile
// it begins anew, and calls begin before.
func ReadAddresses(path string, begin func(), visit func(page, target string) error) error {
	return look(path, func(db *sql.DB) error {
		begin()
		rows, err := db.Query("SELECT url, target FROM pages")
		if err != nil {
			return fmt.Errorf("read addresses of %s: %w", path, err)
		}
		defer rows.Close()
		for rows.Next() {
			var page, target string
			if err := rows.Scan(&page, &target); err != nil {
				return fmt.Errorf("read addresses of %s: %w", path, err)
			}
			if err := visit(page, target); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
