"""The report of a dataset: one HTML page that needs no network.

Python gathers and counts (`assets.report.report_data` and the modules named after the sections),
Jinja lays out and escapes (``report.html.jinja``), and the browser of rows is plain JavaScript
(``browser/``) over a block of packed data.
"""

from assets.report.page import Report, dataset_report, write_report

__all__ = ["Report", "dataset_report", "write_report"]
