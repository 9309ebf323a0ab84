package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// object is a JSON object whose keys stand in order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.WriteString(quoted(m.key) + ":")
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// arrowType is the media type of Arrow files.
const arrowType = "application/vnd.apache.arrow.file"

// File is a file of the dataset with its sum, beside the splits.
type File struct {
	Path   string // relative to the folder that the description is published in
	SHA256 string // hexadecimal
	Type   string // of media
	About  string
}

// Croissant describes a dataset whose figures have a Dataset. Shards are file sets, by
// pattern: these ask for no sums, and to hash all pictures would cost a reading of the
// whole dataset. files are small ones that are named with theirs; the manifest of the
// shards, whose own sums stand for all of them, should be among them.
func Croissant(s *stats.Stats, splits []Split, files []File) ([]byte, error) {
	d := s.Dataset
	description := summary(s) + " Made by " + d.Software + "."
	if note := leftOver(s); note != "" {
		description += " " + note
	}
	top := object{
		{"@context", context}, {"@type", "sc:Dataset"}, {"conformsTo", "http://mlcommons.org/croissant/1.0"},
		{"name", identifier(d.Name)}, {"alternateName", d.Name}, {"description", description}, {"version", d.Version},
		{"citeAs", stats.BibTeX(s)}, {"isLiveDataset", true},
	}
	if d.License != "" {
		top = append(top, member{"license", d.License})
	}
	if d.URL != "" {
		top = append(top, member{"url", d.URL})
	}
	if s.Crawled != nil {
		top = append(top, member{"temporalCoverage", s.Crawled.First + "/" + s.Crawled.Last}, member{"datePublished", s.Crawled.Last})
	}
	if l := Languages(s); len(l) > 0 {
		top = append(top, member{"inLanguage", l})
	}
	if strings.HasPrefix(d.Contact, "mailto:") {
		top = append(top, member{"creator", object{{"@type", "sc:Organization"}, {"name", d.Name}, {"email", strings.TrimPrefix(d.Contact, "mailto:")}}})
	} else if d.Contact != "" {
		top = append(top, member{"creator", object{{"@type", "sc:Organization"}, {"name", d.Name}, {"url", d.Contact}}})
	}
	distribution, sets := []object{}, []object{}
	for _, f := range files {
		distribution = append(distribution, object{
			{"@type", "cr:FileObject"}, {"@id", f.Path}, {"name", path.Base(f.Path)}, {"description", f.About},
			{"contentUrl", f.Path}, {"encodingFormat", f.Type}, {"sha256", f.SHA256},
		})
	}
	for _, p := range present(s, splits) {
		id := "files-" + p.Name
		distribution = append(distribution, object{
			{"@type", "cr:FileSet"}, {"@id", id}, {"name", id}, {"description", fmt.Sprintf("Shards of the split %s, Arrow IPC files. What was taken out since they were written is in %s.", p.Name, "shards/_deleted-*.arrow")},
			{"encodingFormat", arrowType}, {"includes", p.Files},
		})
		sets = append(sets, object{
			{"@type", "cr:RecordSet"}, {"@id", p.Name}, {"name", p.Name}, {"description", "Pairs of a picture and a text: the split " + p.Name + "."},
			{"key", object{{"@id", p.Name + "/pair_id"}}}, {"field", fields(p.Name, id)},
		})
	}
	top = append(top, member{"distribution", distribution}, member{"recordSet", sets})
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(top); err != nil {
		return nil, fmt.Errorf("encode %s: %w", CroissantName, err)
	}
	return b.Bytes(), nil
}

func fields(split, files string) []object {
	types := map[string]string{
		"string": "sc:Text", "image": "sc:ImageObject", "int32": "cr:Int32", "int64": "cr:Int64",
		"uint32": "cr:UInt32", "uint64": "cr:UInt64", "list of uint32": "cr:UInt32",
	}
	var list []object
	for _, c := range shard.PairColumns() {
		f := object{
			{"@type", "cr:Field"}, {"@id", split + "/" + c.Name}, {"name", c.Name}, {"description", Describe(c.Name)},
			{"dataType", types[c.Type]},
		}
		if strings.HasPrefix(c.Type, "list") {
			f = append(f, member{"repeated", true})
		}
		list = append(list, append(f, member{"source", object{{"fileSet", object{{"@id", files}}}, {"extract", object{{"column", c.Name}}}}}))
	}
	return list
}

var notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// identifier makes a name of the characters that Croissant takes.
func identifier(name string) string {
	if id := strings.Trim(notInIdentifier.ReplaceAllString(name, "-"), "-"); id != "" {
		return id
	}
	return "dataset"
}

// context is that of Croissant 1.0.
var context = object{
	{"@language", "en"}, {"@vocab", "https://schema.org/"}, {"citeAs", "cr:citeAs"}, {"column", "cr:column"}, {"conformsTo", "dct:conformsTo"},
	{"cr", "http://mlcommons.org/croissant/"}, {"rai", "http://mlcommons.org/croissant/RAI/"}, {"data", object{{"@id", "cr:data"}, {"@type", "@json"}}},
	{"dataType", object{{"@id", "cr:dataType"}, {"@type", "@vocab"}}}, {"dct", "http://purl.org/dc/terms/"}, {"equivalentProperty", "cr:equivalentProperty"},
	{"examples", object{{"@id", "cr:examples"}, {"@type", "@json"}}}, {"extract", "cr:extract"}, {"field", "cr:field"}, {"fileProperty", "cr:fileProperty"},
	{"fileObject", "cr:fileObject"}, {"fileSet", "cr:fileSet"}, {"format", "cr:format"}, {"includes", "cr:includes"}, {"isLiveDataset", "cr:isLiveDataset"},
	{"jsonPath", "cr:jsonPath"}, {"key", "cr:key"}, {"md5", "cr:md5"}, {"parentField", "cr:parentField"}, {"path", "cr:path"}, {"recordSet", "cr:recordSet"},
	{"references", "cr:references"}, {"regex", "cr:regex"}, {"repeated", "cr:repeated"}, {"replace", "cr:replace"}, {"samplingRate", "cr:samplingRate"}, {"sc", "https://schema.org/"},
	{"separator", "cr:separator"}, {"source", "cr:source"}, {"subField", "cr:subField"}, {"transform", "cr:transform"},
}
