"""The report of a dataset: one HTML page that needs no network.

Python reads and counts the data (`assets.report.report_data` and one module a section). Jinja lays
it out and escapes it (``report.html.jinja``). The browser of rows is plain JavaScript
(``browser/``) that reads a block of packed data.
"""
