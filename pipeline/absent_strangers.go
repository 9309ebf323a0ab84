package pipeline

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// readElsewhere are the files of a dataset's folder that have a place of their own, or hold
// neither pictures nor what is said of them. Others are nobody's whom this program knows.
var readElsewhere = []string{
	"crawl.db", "crawl.db-wal", "crawl.db-shm", "pairloom.yaml", lockName, RefusedName, nearPicturesName, compiledName, thumbsName,
	"*/" + shard.ManifestName, "*/*/" + shard.ManifestName, "*/MANIFEST.json", "*/*/MANIFEST.json",
	shard.CandidatesFolder + "/*/*.arrow", shard.MatchedFolder + "/*.arrow",
	shard.ImagesFolder + "/*.arrow", shard.ImagesFolder + "/" + eraseFolder + "/*.arrow",
	shard.ShardsFolder + "/*.arrow", shard.ShardsFolder + "/" + nextFolder + "/*.arrow",
	shard.ShardsFolder + "/" + shard.SplitsName, shard.ShardsFolder + "/" + nextFolder + "/" + shard.SplitsName,
	shard.EmbeddingsFolder + "/*/*.arrow", shard.EmbeddingsFolder + "/*.arrow",
	shard.ClassifiersFolder + "/*.safetensors", shard.WARCFolder + "/*",
}

// proseEndings are of files that are looked through as text.
var proseEndings = []string{".txt", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".prom", ".log", ".md"}

// strangers looks at all other files of the folder. Those that are not text are named: what
// nobody can look into is no proof.
func (s *looking) strangers() error {
	return s.place("other files", "files", "", func(p *Place) error {
		var unread []string
		err := filepath.WalkDir(s.Dir, func(file string, e fs.DirEntry, err error) error {
			if err != nil || s.ctx.Err() != nil {
				return err
			}
			if s.exported(file) {
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			name, err := filepath.Rel(s.Dir, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if e.IsDir() {
				if name == shard.CheckpointsFolder { // which has places of its own
					return fs.SkipDir
				}
				return nil
			}
			if e.Type().IsRegular() && s.known(name) {
				return nil
			}
			if !e.Type().IsRegular() || !slices.Contains(proseEndings, path.Ext(name)) {
				unread = append(unread, name)
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if info.Size() > mostText {
				unread = append(unread, name)
				return nil
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if !utf8.Valid(data) {
				unread = append(unread, name)
				return nil
			}
			if p.Looked++; !isRequest(data) {
				s.text(p, name, data)
			}
			return nil
		})
		if n := len(unread); n > 0 {
			if p.Found == 0 {
				p.State = PlaceUnknown
			}
			p.Note = fmt.Sprintf("not looked at: %s", strings.Join(unread[:min(n, mostEntries)], ", "))
			if n > mostEntries {
				p.Note += fmt.Sprintf(" and %s more", Grouped(int64(n-mostEntries)))
			}
		}
		p.Cure = "pairloom does not know these files: delete them or move them out of the folder, and name what is an export with --export"
		if p.Found == 0 && len(unread) == 0 {
			p.Cure = ""
		}
		return err
	})
}

// exported tells of a path whether it is an export that is looked into by itself.
func (s *looking) exported(file string) bool {
	return slices.ContainsFunc(s.Exports, func(to string) bool {
		a, errA := os.Stat(to)
		b, errB := os.Stat(file)
		return errA == nil && errB == nil && os.SameFile(a, b)
	})
}

// known tells of a file whether it is looked at elsewhere.
func (s *looking) known(name string) bool {
	for _, pattern := range readElsewhere {
		if ok, _ := path.Match(pattern, name); ok { // the patterns are right
			return !strings.HasPrefix(path.Base(name), ".") || path.Base(name) == shard.SplitsName
		}
	}
	if file := filepath.Join(s.Dir, filepath.FromSlash(name)); s.Options.Match.Queries != "" && (name == path.Clean(filepath.ToSlash(s.Options.Match.Queries)) || file == s.Options.Match.Queries) {
		return true // a list of queries
	}
	folder, base := path.Split(name)
	folder = strings.TrimSuffix(folder, "/")
	switch folder {
	case shard.SelectionFolder:
		// Decisions have no addresses, so that of those which no manifest names it is not
		// known of which pictures they are.
		m, err := shard.ReadManifestAlone(filepath.Join(s.Dir, folder))
		return path.Ext(base) != ".arrow" && slices.Contains(proseEndings, path.Ext(base)) ||
			err == nil && slices.ContainsFunc(m.Parts, func(p shard.Part) bool { return p.Name == base }) || err != nil && path.Ext(base) == ".arrow"
	case shard.ReportFolder, shard.EvaluationFolder, shard.DryRunFolder:
		return path.Ext(base) == ".html" || slices.Contains(proseEndings, path.Ext(base))
	}
	return false
}

// isRequest tells of a text whether it is a list such as people hold the dataset against,
// which names what is refused and must.
func isRequest(data []byte) bool {
	list, err := readRequest(bytes.NewReader(data), "", RequestAny)
	return err == nil && list.Len() > 0 && len(list.Faults) == 0
}

// untoldPage says why a page that shows pictures by themselves, and has not the address of
// each, is not known to be without what is refused; "" where it is. Such are reports: what
// is in them is known by what they were made of.
func (s *looking) untoldPage(folder, name string, data []byte) string {
	if folder != shard.ReportFolder || filepath.Ext(name) != ".html" || name == stats.TimesPageName {
		return ""
	}
	m, err := shard.ReadManifestAlone(filepath.Join(s.Dir, folder))
	if err != nil {
		return name + " is of a report that was not finished"
	}
	if !slices.Contains(m.Files, shard.FileOf(name, data)) {
		return name + " is not what the manifest names"
	}
	road := Road(Work{Dir: s.Dir, Options: s.Options})
	at := slices.IndexFunc(road, func(stage Stage) bool { return stage.Name == ReportName })
	if at < 0 {
		return ""
	}
	// Candidates that came since change what a report counts, and not which pairs it shows.
	page, errPage := os.Stat(filepath.Join(s.Dir, folder, name))
	shards, errShards := os.Stat(filepath.Join(s.Dir, shard.ShardsFolder, shard.ManifestName))
	older := errPage != nil || errShards != nil || page.ModTime().Before(shards.ModTime())
	if input, err := road[at].input(); older && (err != nil || input != m.Input) {
		return name + " was made of what the dataset was before, and shows pictures without their addresses"
	}
	return ""
}
