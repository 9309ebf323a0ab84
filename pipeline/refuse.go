package pipeline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// RefusedName is the file in the dataset's folder that lists what must not be in it.
const RefusedName = "refused.txt"

// Refuse puts the address of a picture on the folder's refusal list, unless it stands
// there. When it returns, the list is on disk.
func Refuse(dir, address string) error {
	path := filepath.Join(dir, RefusedName)
	if address == "" || strings.ContainsAny(address, "\r\n") {
		return fmt.Errorf("refuse %q in %s: it is no address", address, path)
	}
	list, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("refuse %s: %w", address, err)
	}
	if refusedIn(list)[address] {
		return nil
	}
	if len(list) > 0 && list[len(list)-1] != '\n' {
		list = append(list, '\n')
	}
	return atomicfile.WriteFile(path, append(list, "url "+address+"\n"...))
}

// RefusedAddresses are those of the pictures on the folder's refusal list.
func RefusedAddresses(dir string) (map[string]bool, error) {
	list, err := os.ReadFile(filepath.Join(dir, RefusedName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w", err)
	}
	return refusedIn(list), nil
}

func refusedIn(list []byte) map[string]bool {
	addresses := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		if address, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "url "); ok {
			addresses[strings.TrimSpace(address)] = true
		}
	}
	return addresses
}
