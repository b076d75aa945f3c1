"""Write the dashboards."""

from grafana.generate import files

for path, text in files().items():
    path.write_text(text, encoding="utf-8")
