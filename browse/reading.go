package browse

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/pairloom/pairloom/shard"
)

// reading does what reads mapped files. Where one was cut short in its place, or the disk
// does not give its bytes, the system raises a fault, which ends a program that does not
// expect it: here it is an error that names the file.
func (s *Server) reading(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if _, fault := r.(interface{ Addr() uintptr }); !fault {
			panic(r)
		}
		err = fmt.Errorf("read %s: a file cannot be read; run pairloom verify, which tells what is damaged, and load the page again", cutShort(s.Dir))
	}()
	return do()
}

// cutShort is the first part in the folder of a dataset that has fewer bytes than its
// manifest says; the dataset where there is none.
func cutShort(dir string) string {
	for _, folder := range []string{shard.ImagesFolder, shard.ShardsFolder, shard.MatchedFolder, shard.SelectionFolder} {
		m, err := shard.ReadManifestAlone(filepath.Join(dir, folder))
		if err != nil {
			continue
		}
		for _, p := range m.Parts {
			if info, err := os.Stat(filepath.Join(dir, folder, p.Name)); err == nil && info.Size() < p.Bytes {
				return filepath.Join(folder, p.Name)
			}
		}
	}
	return "the dataset"
}
