"""Has warcio read every WARC file that pairloom's crawl.warc has left under a folder's
warc/, digests included: warcio_reads.py FOLDER
"""
import glob
import sys

from warcio.archiveiterator import ArchiveIterator

for path in sorted(glob.glob(sys.argv[1] + "/**/warc/*.warc.gz", recursive=True)):
    kinds = {}
    with open(path, "rb") as f:
        for record in ArchiveIterator(f, check_digests="raise"):
            record.content_stream().read()
            kinds[record.rec_type] = kinds.get(record.rec_type, 0) + 1
    print(path, kinds)
