"""Crawls the site of this folder's main.go with Scrapy: peer.py PAGES HOSTS PORT

It follows links, obeys robots.txt and writes a line of JSON for each picture that
has a text, as pairloom crawl does; the log and all pauses are off.
"""

import resource
import sys
import time

import scrapy
from scrapy.crawler import CrawlerProcess

pages, hosts, port = (int(a) for a in sys.argv[1:4])
addresses = [f"127.0.{(h + 1) // 250}.{(h + 1) % 250}:{port}" for h in range(hosts)]


class Live(scrapy.Spider):
    name = "live"
    start_urls = [f"http://{a}/0" for a in addresses]
    read = 0

    def parse(self, response):
        self.read += 1
        for picture in response.xpath("//img[@alt]"):
            yield {
                "page": response.url,
                "picture": response.urljoin(picture.attrib["src"]),
                "text": picture.attrib["alt"],
            }
        for link in response.xpath("//a/@href").getall():
            yield scrapy.Request(response.urljoin(link))


process = CrawlerProcess(
    {
        "LOG_LEVEL": "ERROR",
        "ROBOTSTXT_OBEY": True,
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
        "DOWNLOAD_DELAY": 0,
        "CLOSESPIDER_PAGECOUNT": pages,
        "TELNETCONSOLE_ENABLED": False,
        "FEEDS": {"/dev/null": {"format": "jsonlines"}},
        "STATS_DUMP": False,
    }
)
crawler = process.create_crawler(Live)
process.crawl(crawler)
began = time.monotonic()
process.start()
took = time.monotonic() - began
use = resource.getrusage(resource.RUSAGE_SELF)
read = crawler.spider.read
cpu = use.ru_utime + use.ru_stime
print(f"scrapy {scrapy.__version__}: {read} pages in {took:.1f} s: {read / took:.0f} pages/s, "
      f"{read / cpu:.0f} pages a second of processor time, {use.ru_maxrss / 1024:.0f} MiB")
