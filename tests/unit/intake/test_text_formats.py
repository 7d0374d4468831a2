"""Cells of text formats are what is written in them, whatever type a schema or a head declares."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from gis.intake.read import read
from tests.unit.intake.handmade import square

XSD = """<xs:schema targetNamespace="http://ogr.maptools.org/" xmlns:ogr="http://ogr.maptools.org/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml" elementFormDefault="qualified">
<xs:element name="u" type="ogr:u_Type" substitutionGroup="gml:_Feature"/>
<xs:complexType name="u_Type"><xs:complexContent><xs:extension base="gml:AbstractFeatureType"><xs:sequence>
<xs:element name="geometryProperty" type="gml:PolygonPropertyType" minOccurs="0"/>
<xs:element name="quota" minOccurs="0" type="xs:{kind}"/>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType>
</xs:schema>"""
# what a person may write in a column of numbers, and what another program makes of it: 0, 12, 12002, 7
CELLS = ["约1200", "12万", "1,200", "007", "1.5", "DY-2"]


def corners(shape):
    return " ".join(f"{x},{y}" for x, y in shape.exterior.coords)


def kml(folder, cells, kind):
    types = {"integer": "int", "double": "double"}
    marks = "".join(
        f'<Placemark><ExtendedData><SchemaData schemaUrl="#S"><SimpleData name="quota">{cell}</SimpleData></SchemaData>'
        f"</ExtendedData><Point><coordinates>116.1,39.{90 + number}</coordinates></Point></Placemark>"
        for number, cell in enumerate(cells)
    )
    schema = f'<Schema name="S" id="S"><SimpleField name="quota" type="{types[kind]}"/></Schema>'
    path = folder / "a.kml"
    path.write_text(
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{schema}{marks}</Document></kml>', encoding="utf-8"
    )
    return path


def gml(folder, cells, kind):
    members = "".join(
        '<gml:featureMember><ogr:u><ogr:geometryProperty><gml:Polygon srsName="EPSG:4548"><gml:outerBoundaryIs>'
        f"<gml:LinearRing><gml:coordinates>{corners(square(number))}</gml:coordinates></gml:LinearRing>"
        f"</gml:outerBoundaryIs></gml:Polygon></ogr:geometryProperty><ogr:quota>{cell}</ogr:quota></ogr:u>"
        "</gml:featureMember>"
        for number, cell in enumerate(cells)
    )
    (folder / "a.xsd").write_text(XSD.format(kind=kind), encoding="utf-8")
    path = folder / "a.gml"
    path.write_text(
        '<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="http://ogr.maptools.org/ a.xsd">{members}</ogr:FeatureCollection>',
        encoding="utf-8",
    )
    return path


def mif(folder, cells, kind):
    types = {"integer": "Integer", "double": "Decimal(12, 2)", "date": "Date", "logical": "Logical"}
    shapes = "".join(
        f"Region 1\n  5\n{corners(square(number)).replace(',', '_').replace(' ', chr(10)).replace('_', ' ')}\n"
        for number in range(len(cells))
    )
    head = 'Version 300\nCharset "WindowsSimpChinese"\nDelimiter ","\n'
    head += 'CoordSys Earth Projection 8, 0, "m", 117, 0, 1, 500000, 0\n'
    path = folder / "a.mif"
    path.write_bytes(f"{head}Columns 1\n  quota {types[kind]}\nData\n\n{shapes}".encode("gbk"))
    # a comma parts two columns
    path.with_suffix(".mid").write_bytes("".join(f'"{cell}"\n' for cell in cells).encode("gbk"))
    return path


@pytest.mark.parametrize("kind", ["integer", "double"])
@pytest.mark.parametrize("format_", [kml, gml, mif], ids=lambda one: one.__name__)
def test_what_is_no_number_stays_what_it_is(tmp_path, format_, kind):
    """Neither 0 nor 12 stands for 约1200 and 12万, no zero before a code is lost, and nothing is rounded."""
    source = read(format_(tmp_path, CELLS, kind), crs="EPSG:4490" if format_ is kml else "EPSG:4548")
    assert source.frame["quota"].tolist() == CELLS
    assert "source.remark" not in set(source.notes["code"])


@pytest.mark.parametrize(
    ("kind", "cells", "read_as"),
    [
        ("integer", ["1200", "", "-3"], [1200, None, -3]),
        ("double", ["1200.50", "", ".5"], [1200.5, None, 0.5]),
        ("double", ["007", "1.50"], [7.0, 1.5]),
        ("date", ["20240305", "00000000", "20240230"], ["20240305", "00000000", "20240230"]),
        ("logical", ["T", "F"], ["T", "F"]),
    ],
)
def test_numbers_of_a_mif_are_numbers(tmp_path, kind, cells, read_as):
    """Where all are; a blank is no 0, and a day that no calendar has is not the next one."""
    column = read(mif(tmp_path, cells, kind), crs="EPSG:4548").frame["quota"]
    assert [None if pd.isna(value) else value for value in column] == read_as


@pytest.mark.parametrize("text", ["2024/03/05", "12:30", "2024-03-05T00:00:00+09:00", "3-5", "2024-3-5"])
def test_a_text_of_a_geojson_is_no_day_before_a_field_asks_for_one(tmp_path, text):
    """GDAL makes days, times and moments in London of texts that look so; a number of a paper may look so too."""
    point = {"type": "Point", "coordinates": [116.1, 39.9]}
    features = [{"type": "Feature", "properties": {"文号": text}, "geometry": point}]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    assert read(path).frame["文号"].tolist() == [text]
