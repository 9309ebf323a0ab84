"""Measures the peers on one processor: peers.py wat|warc FILE

Prints a line of figures: program, processor seconds, pairs. wat is cc2dataset's own
extraction, called as its workers call it; warc is FastWARC with resiliparse picking
src and alt of img elements.
"""
import sys
import time

what, path = sys.argv[1:]
began = time.process_time()
pairs = 0
if what == "wat":
    from cc2dataset.main import process_wat
    from loguru import logger

    logger.remove()
    began = time.process_time()
    for _ in process_wat(path, "image"):
        pairs += 1
    print(f"cc2dataset\t{time.process_time() - began:.2f}\t{pairs}")
else:
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.parse.encoding import detect_encoding
    from resiliparse.parse.html import HTMLTree

    began = time.process_time()
    with open(path, "rb") as f:
        for record in ArchiveIterator(f, record_types=WarcRecordType.response, parse_http=True):
            if record.http_headers is None or record.http_headers.status_code != 200 or "html" not in record.http_content_type:
                continue
            body = record.reader.read()
            tree = HTMLTree.parse_from_bytes(body, detect_encoding(body))
            for img in tree.body.get_elements_by_tag_name("img") if tree.body else []:
                if img.getattr("src") and img.getattr("alt"):
                    pairs += 1
    print(f"FastWARC and resiliparse\t{time.process_time() - began:.2f}\t{pairs}")
